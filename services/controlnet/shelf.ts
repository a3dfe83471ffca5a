/**
 * What is resident, by bytes: made when asked for, lent while it is used, and what was used longest ago goes when the budget
 * is full. Making takes seconds; whoever asks for something else goes on meanwhile.
 *
 * C1  What is resident or being made never takes more than the budget.
 * C2  What is lent stays until it is given back.
 * C3  Whoever waits for room is served in the order of its coming, and nobody overtakes it: two that want the last place get it in turns.
 * C4  What several ask for at once is made once; when that fails all of them hear of it, and the next one tries again.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { unlessAborted } from '#shared/errors/unless-aborted.ts';

/** Something to borrow. */
export interface Wanted<Item> {
  /** Equal for the same thing. */
  readonly key: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly make: () => Promise<Item>;
}

/** What a shelf is made of. */
export interface ShelfOptions<Item> {
  readonly budgetBytes: number;
  readonly dispose: (item: Item) => Promise<void>;
}

interface Place<Item> {
  readonly wanted: Wanted<Item>;
  readonly item: Promise<Item>;
  borrowers: number;
}

interface InLine<Item> {
  readonly wanted: Wanted<Item>;
  readonly enter: (place: Place<Item>) => void;
}

/** Those that wait for room or for something to be made, before MAILBOX_FULL. */
const MAX_WAITING = 64;

/** See the head of this file. */
export class Shelf<Item> {
  readonly #options: ShelfOptions<Item>;
  /** The order is that of their last use. */
  readonly #places = new Map<string, Place<Item>>();
  readonly #line: InLine<Item>[] = [];
  /** Disposals under way: their bytes are free once they have ended. */
  #disposing: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: ShelfOptions<Item>) {
    this.#options = options;
  }

  /** Names of what is there, or being made; the one used last comes last. */
  get names(): string[] {
    return [...this.#places.values()].map(({ wanted }) => wanted.name);
  }

  get sizeBytes(): number {
    return [...this.#places.values()].reduce((sum, { wanted }) => sum + wanted.sizeBytes, 0);
  }

  /** Whether a thing is there, or being made. */
  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** Those that wait for room or for something to be made. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Borrows a thing for the time of some work.
   * @throws MeshError OUT_OF_MEMORY for one that is larger than the budget; MAILBOX_FULL; the signal's reason while it waits;
   *   what making it or the work throws
   */
  async use<T>(wanted: Wanted<Item>, signal: AbortSignal, work: (item: Item) => Promise<T>): Promise<T> {
    const entered = this.#enter(wanted, signal);
    const place = await this.#counted(entered);
    try {
      return await work(await this.#counted(unlessAborted(place.item, signal)));
    } finally {
      place.borrowers--;
      this.#serve();
    }
  }

  #enter(wanted: Wanted<Item>, signal: AbortSignal): Promise<Place<Item>> {
    if (wanted.sizeBytes > this.#options.budgetBytes) return Promise.reject(this.#tooLarge(wanted));
    if (this.#waiting >= MAX_WAITING) return Promise.reject(full());
    if (signal.aborted) return Promise.reject(MeshError.fromAbort(signal));
    const { promise, resolve, reject } = Promise.withResolvers<Place<Item>>();
    const onAbort = (): void => {
      this.#line.splice(this.#line.indexOf(inLine), 1);
      reject(MeshError.fromAbort(signal));
      this.#serve();
    };
    const enter = (place: Place<Item>): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(place);
    };
    const inLine = { wanted, enter };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#line.push(inLine);
    this.#serve();
    return promise;
  }

  /** As many from the head of the line as there is room for. */
  #serve(): void {
    for (let next = this.#line[0]; next; next = this.#line[0]) {
      const { wanted, enter } = next;
      const place = this.#places.get(wanted.key) ?? this.#make(wanted);
      if (!place) return;
      this.#line.shift();
      place.borrowers++;
      this.#places.delete(wanted.key);
      this.#places.set(wanted.key, place);
      enter(place);
    }
  }

  /** Undefined while what is lent leaves no room. */
  #make(wanted: Wanted<Item>): Place<Item> | undefined {
    if (!this.#makeRoom(wanted.sizeBytes)) return undefined;
    const item = this.#disposing.then(() => wanted.make());
    const place = { wanted, item, borrowers: 0 };
    item.catch(() => {
      if (this.#places.get(wanted.key) === place) this.#places.delete(wanted.key);
      this.#serve();
    });
    return place;
  }

  #makeRoom(sizeBytes: number): boolean {
    const idle = [...this.#places.values()].filter(({ borrowers }) => borrowers === 0);
    let freeBytes = this.#options.budgetBytes - this.sizeBytes;
    const going = idle.filter((place) => {
      if (freeBytes >= sizeBytes) return false;
      freeBytes += place.wanted.sizeBytes;
      return true;
    });
    if (freeBytes < sizeBytes) return false;
    for (const place of going) this.#dispose(place);
    return true;
  }

  #dispose({ wanted, item }: Place<Item>): void {
    this.#places.delete(wanted.key);
    const gone = item.then((made) => this.#options.dispose(made)).catch(() => {}); // what was never made is gone
    this.#disposing = this.#disposing.then(() => gone);
  }

  async #counted<T>(promise: Promise<T>): Promise<T> {
    this.#waiting++;
    try {
      return await promise;
    } finally {
      this.#waiting--;
    }
  }

  #tooLarge({ name, sizeBytes }: Wanted<Item>): MeshError {
    const { budgetBytes } = this.#options;
    const text = `${name} takes ${sizeBytes} bytes; ${budgetBytes} is the budget for all that is resident here. Raise it.`;
    return new MeshError('OUT_OF_MEMORY', text, { name, sizeBytes, budgetBytes });
  }
}

function full(): MeshError {
  return new MeshError('MAILBOX_FULL', `${MAX_WAITING} wait here for something to be loaded.`, { size: MAX_WAITING });
}
