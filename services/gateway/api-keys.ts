/**
 * API keys of the HTTP door, from a file that holds their hashes: which there are, what each may do, and how much of it. The file is
 * looked at every second, so keys come and go without a restart; one that cannot be read leaves the former keys in place.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { MeshError } from '#shared/errors/errors.ts';

/** What a key may do: make and cancel its own jobs; look at its own jobs and the mesh; everything, for everyone. */
export const Scope = z.enum(['generate', 'read', 'admin']);
export type Scope = z.infer<typeof Scope>;

/** One key as it stands in the file. */
export const ApiKey = z.strictObject({
  /** The client that its jobs are of. */
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be letters, digits, "_" and "-", at most 64 of them'),
  /** SHA-256 of the key, hex. Keys are 256 random bits, so no slow hash is needed. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex'),
  scopes: z.array(Scope).min(1),
  limits: z
    .strictObject({
      jobs_per_minute: z.number().positive().optional(),
      requests_per_minute: z.number().positive().optional(),
      /** Jobs that wait or run. */
      jobs_at_once: z.number().int().positive().optional(),
    })
    .default({}),
  expires_unix_ms: z.number().optional(),
});
export type ApiKey = z.infer<typeof ApiKey>;

/** The file. */
export const ApiKeyFile = z.strictObject({ keys: z.array(ApiKey) });

const LOOK_MS = 1000;

/** See the head of this file. */
export class ApiKeys {
  readonly #file: string;
  readonly #now: () => number;
  readonly #onTrouble: (error: MeshError) => void;
  #byHash: ReadonlyMap<string, ApiKey> = new Map();
  #seen = '';
  #timer: NodeJS.Timeout | undefined;

  private constructor(file: string, now: () => number, onTrouble: (error: MeshError) => void) {
    this.#file = file;
    this.#now = now;
    this.#onTrouble = onTrouble;
  }

  /** @throws MeshError CONFIGURATION when the file cannot be read or is not right */
  static async open(
    file: string,
    options: { readonly now?: () => number; readonly onTrouble?: (error: MeshError) => void } = {},
  ): Promise<ApiKeys> {
    const keys = new ApiKeys(file, options.now ?? Date.now, options.onTrouble ?? (() => {}));
    await keys.refresh();
    keys.#timer = setInterval(() => void keys.refresh().catch(keys.#onTrouble), LOOK_MS).unref();
    return keys;
  }

  /** The key that this text is; undefined for any other, and once it has expired. */
  check(secret: string): ApiKey | undefined {
    const key = this.#byHash.get(hashOf(secret));
    return key && (key.expires_unix_ms ?? Number.POSITIVE_INFINITY) > this.#now() ? key : undefined;
  }

  /** Reads the file if it changed. @throws MeshError CONFIGURATION; the former keys stay */
  async refresh(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#file);
      const seen = `${mtimeMs} ${size} ${ino}`;
      if (seen === this.#seen) return;
      this.#seen = seen; // what is wrong with it is told once
      this.#byHash = new Map(parse(await readFile(this.#file, 'utf8')).map((key) => [key.sha256, key]));
    } catch (thrown) {
      throw unreadable(this.#file, thrown);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** As the file holds it. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function parse(text: string): ApiKey[] {
  const { keys } = ApiKeyFile.parse(JSON.parse(text));
  const names = keys.map(({ name }) => name);
  const [twice] = names.filter((name, i) => names.indexOf(name) !== i && !isRotated(keys, name));
  if (twice !== undefined) throw new Error(`two keys are called ${twice} and have other scopes or limits`);
  return keys;
}

/** While a key is replaced, the old and the new one may have the same name and rights. */
function isRotated(keys: readonly ApiKey[], name: string): boolean {
  const rights = keys.filter((key) => key.name === name).map(({ scopes, limits }) => JSON.stringify([scopes, limits]));
  return new Set(rights).size === 1;
}

function unreadable(file: string, thrown: unknown): MeshError {
  const problems =
    thrown instanceof z.ZodError
      ? thrown.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
      : (thrown as Error).message;
  return new MeshError('CONFIGURATION', `The API keys cannot be read from ${file}: ${problems}.`, { file });
}

/** What decides who reaches the door. */
export interface Exposure {
  readonly httpHost: string;
  readonly apiKeysFile?: string;
  /** Said on purpose: somebody else keeps strangers away. */
  readonly isHttpOpen: boolean;
}

/**
 * The keys of a gateway; undefined for one that only this machine reaches, or that was opened on purpose.
 * @throws MeshError CONFIGURATION for one that others reach without a key
 */
export async function openKeys(
  { httpHost, apiKeysFile, isHttpOpen }: Exposure,
  onTrouble: (error: MeshError) => void,
): Promise<ApiKeys | undefined> {
  if (apiKeysFile !== undefined) return ApiKeys.open(apiKeysFile, { onTrouble });
  if (isHttpOpen || isLoopback(httpHost)) return undefined;
  const text =
    `LATENTMESH_HTTP_HOST is ${httpHost}, which others can reach, and there are no API keys. Name their file in ` +
    'LATENTMESH_API_KEYS, listen on 127.0.0.1, or set LATENTMESH_HTTP_OPEN=true where something else keeps strangers away.';
  throw new MeshError('CONFIGURATION', text);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
