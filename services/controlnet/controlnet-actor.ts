/**
 * The controlnet actor: sessions of several jobs at once, their steps interleaved turn by turn. A session is what stays
 * the same over a job's steps: which ControlNet, the hint's features, the embeddings. A request borrows its ControlNet
 * before its turn, so that loading one keeps no other session waiting.
 */
import { Actor, type Offer, type TurnResult } from '#shared/actor/actor.ts';
import { RecentTimes, timed } from '#shared/actor/turn-times.ts';
import type { LibraryEntry } from '#shared/checkpoint/library.ts';
import type * as contract from '#shared/contracts/controlnet.ts';
import type { AnyOperation, ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import type { Device } from '#shared/session/device.ts';
import { annotateSpan } from '#shared/telemetry/tracing.ts';
import { repeatBatch, VAE_FACTOR } from '#shared/tensor/latents.ts';
import { f32, pick, type Tensor } from '#shared/tensor/tensor.ts';
import { type ControlNet, type ControlNetShape, residualScales } from './controlnet.ts';
import type { ResidentControlNets } from './resident.ts';

interface OpenSession {
  /** It may leave the device between two steps, when others need the room. */
  readonly entry: LibraryEntry;
  readonly shape: ControlNetShape;
  /** By input of the graph. */
  readonly slots: Readonly<Record<string, string>>;
  readonly scales: Float32Array;
  readonly expiresUnixMs: number;
}

/** Open sessions by name. */
export type ControlNetState = ReadonlyMap<string, OpenSession>;

/** What the actor works with. */
export interface ControlNetParts {
  readonly device: Device;
  readonly resident: ResidentControlNets;
  readonly now: () => number;
}

type Body<O extends AnyOperation> = ServedRequest<RequestOf<O>>;
/** A request with the ControlNet that it borrowed. */
type Equipped<O extends AnyOperation> = Body<O> & { readonly entry: LibraryEntry; readonly controlnet: ControlNet };
type Entry<O extends AnyOperation> = Offer<Body<O>, ServedReply<ReplyOf<O>>>;
type Result<O extends AnyOperation> = Promise<TurnResult<ControlNetState, ServedReply<ReplyOf<O>>>>;

/** See the head of this file. */
export class ControlNetActor {
  readonly open: Entry<typeof contract.open>;
  readonly step: Entry<typeof contract.step>;
  readonly close: Entry<typeof contract.close>;
  readonly #kernel = new Actor<ControlNetState>(new Map());
  readonly #resident: ResidentControlNets;
  readonly #turns = new RecentTimes();

  constructor(parts: ControlNetParts) {
    const { resident } = parts;
    this.#resident = resident;
    const openTurn = this.#kernel.on(open(parts));
    const stepTurn = this.#kernel.on(timed(this.#turns, step()));
    this.open = async (request, signal) => {
      const entry = await resident.find(request.body.controlnet);
      annotateSpan({ 'latentmesh.controlnet': entry.name, 'latentmesh.controlnet.hit': resident.has(entry) });
      return resident.use(entry, signal, (controlnet) => openTurn({ ...request, entry, controlnet }, signal));
    };
    this.step = async (request, signal) => {
      const entry = sessionOf(this.#kernel.state, request.body.session).entry;
      return resident.use(entry, signal, (controlnet) => stepTurn({ ...request, entry, controlnet }, signal));
    };
    this.close = this.#kernel.on(close(parts));
  }

  /** Names of the open sessions. */
  get sessions(): string[] {
    return [...this.#kernel.state.keys()];
  }

  /** An open session will ask at every step of its job, so it counts as work. */
  get load(): number {
    return this.#kernel.load + this.#kernel.state.size + this.#resident.waiting;
  }

  /** What waits for its next step, or for a load, takes no place in the mailbox. */
  get capacity(): number {
    return this.#kernel.capacity + this.#kernel.state.size + this.#resident.waiting;
  }

  /** Median time of a step, ms. */
  get turnMs(): number | undefined {
    return this.#turns.medianMs;
  }

  drain(): Promise<void> {
    return this.#kernel.drain();
  }

  stop(): Promise<void> {
    return this.#kernel.stop();
  }
}

/** Opens a session; one of the same name is replaced. */
function open(parts: ControlNetParts) {
  return async (
    state: ControlNetState,
    { body, tensors, entry, controlnet }: Equipped<typeof contract.open>,
    signal: AbortSignal,
  ): Result<typeof contract.open> => {
    const sessions = await withoutExpired(parts, state);
    const prompt_embeds = pick(tensors, 'prompt_embeds', 'f32');
    const [batch, tokens] = prompt_embeds.shape as [number, number];
    const shape = { batch, tokens, height: body.height / VAE_FACTOR, width: body.width / VAE_FACTOR };
    const hint = pick(tensors, 'hint', 'u8', [1, 3, body.height, body.width]);
    const slots: Record<string, string> = { hint_embedding: `hint ${body.session}` };
    await controlnet.encodeHint(shape, unitHint(hint), slots.hint_embedding!, signal);
    for (const name of controlnet.given) {
      slots[name] = `${name} ${body.session}`;
      await parts.device.put(slots[name], pick(tensors, name, 'f32'));
    }
    const scales = residualScales(controlnet.residuals + 1, body.controlnet_conditioning_scale, body.guess_mode);
    const session = {
      entry,
      shape,
      slots,
      scales,
      expiresUnixMs: body.expires_unix_ms,
    };
    return {
      state: new Map(sessions).set(body.session, session),
      reply: { body: { residuals: controlnet.residuals } },
    };
  };
}

/** One step of one session. @throws MeshError ACTOR_LOST when this instance does not hold the session */
function step() {
  return async (
    state: ControlNetState,
    { body, tensors, entry, controlnet }: Equipped<typeof contract.step>,
    signal: AbortSignal,
  ): Result<typeof contract.step> => {
    const { entry: present, shape, slots, scales } = sessionOf(state, body.session);
    if (present.path !== entry.path) throw notOpen(body.session); // replaced while this step waited
    const latents = repeatTo(shape.batch, pick(tensors, 'latents', 'f32'));
    const inputs = { shape, latents, timestep: body.timestep, slots, scales };
    const { residuals, runMs } = await controlnet.step(inputs, signal);
    return { state, reply: { body: { run_ms: runMs }, tensors: residuals } };
  };
}

function sessionOf(state: ControlNetState, name: string): OpenSession {
  const session = state.get(name);
  if (!session) throw notOpen(name);
  return session;
}

function notOpen(name: string): MeshError {
  return new MeshError('ACTOR_LOST', `The session ${name} is not open here; open it again.`);
}

/** Frees a session. */
function close(parts: ControlNetParts) {
  return async (state: ControlNetState, { body }: Body<typeof contract.close>): Result<typeof contract.close> => {
    const session = state.get(body.session);
    if (session) await parts.device.drop(slotsOf(session));
    const sessions = new Map(state);
    sessions.delete(body.session);
    return { state: sessions, reply: { body: {} } };
  };
}

/** A denoiser that died closes nothing: sessions past their job's deadline go when the next one opens. */
async function withoutExpired({ device, now }: ControlNetParts, state: ControlNetState): Promise<ControlNetState> {
  const isOver = (session: OpenSession): boolean => session.expiresUnixMs < now();
  await device.drop([...state.values()].filter(isOver).flatMap(slotsOf));
  return new Map([...state].filter(([, session]) => !isOver(session)));
}

/** u8 [1, 3, H, W] → f32 in 0…1. */
function unitHint(hint: Tensor<'u8'>): Tensor<'f32'> {
  return f32(
    hint.shape,
    Float32Array.from(hint.data, (byte) => byte / 255),
  );
}

function slotsOf({ slots }: OpenSession): string[] {
  return Object.values(slots);
}

/** [B, 4, h, w] → [N, 4, h, w]: both halves of guidance see the same latents. */
function repeatTo(batch: number, latents: Tensor<'f32'>): Tensor<'f32'> {
  const [given, ...rest] = latents.shape;
  const times = batch / given!;
  if (!Number.isInteger(times)) {
    throw new MeshError('WRONG_SHAPE', `Latents of batch ${given} do not fill a session of batch ${batch}.`, {
      given,
      batch,
    });
  }
  return f32([batch, ...rest], repeatBatch(latents.data, times));
}
