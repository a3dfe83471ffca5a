/**
 * The closed list of ways the mesh can fail. A code is the contract: it is the same over NATS, HTTP and the command line,
 * `docs/errors.md` says its cause and remedy, and `retry` says who may try again, so nobody guesses from a text.
 */

/** What a caller may do after a failure: nothing, ask again after a while, or ask another instance at once. */
export type Retry = 'never' | 'later' | 'elsewhere';

interface ErrorKind {
  /** HTTP status that the gateway answers with. */
  readonly status: number;
  readonly retry: Retry;
}

const kind = (status: number, retry: Retry): ErrorKind => ({ status, retry });

/** Every code, in the order of a job's life: the door, the files, the mesh, the device. */
export const ERRORS = {
  // The request itself.
  INVALID_JSON: kind(400, 'never'),
  INVALID_REQUEST: kind(400, 'never'),
  INVALID_IMAGE: kind(400, 'never'),
  IMAGE_TOO_LARGE: kind(413, 'never'),
  PAYLOAD_TOO_LARGE: kind(413, 'never'),
  UNSUPPORTED_OPTION: kind(422, 'never'),
  UNAUTHORIZED: kind(401, 'never'),
  FORBIDDEN: kind(403, 'never'),
  QUOTA_EXCEEDED: kind(429, 'later'),
  UNKNOWN_MODEL: kind(404, 'never'),
  UNKNOWN_SAMPLER: kind(404, 'never'),
  UNKNOWN_CONTROLNET: kind(404, 'never'),
  UNKNOWN_LORA: kind(404, 'never'),
  UNKNOWN_JOB: kind(404, 'never'),
  JOB_CONFLICT: kind(409, 'never'),
  // Files on disk.
  FILE_UNREADABLE: kind(422, 'never'),
  SAFETENSORS_INVALID: kind(422, 'never'),
  CONFIG_INVALID: kind(422, 'never'),
  CONFIG_UNSUPPORTED: kind(422, 'never'),
  WEIGHT_MISSING: kind(422, 'never'),
  WEIGHT_UNEXPECTED: kind(422, 'never'),
  WRONG_SHAPE: kind(422, 'never'),
  LORA_INVALID: kind(422, 'never'),
  LORA_UNSUPPORTED: kind(422, 'never'),
  LORA_UNKNOWN_KEY: kind(422, 'never'),
  LORA_MISMATCH: kind(422, 'never'),
  LORA_CHANGED: kind(409, 'never'),
  EMBEDDING_INVALID: kind(422, 'never'),
  EMBEDDING_MISMATCH: kind(422, 'never'),
  CONTROLNET_MISMATCH: kind(422, 'never'),
  // The mesh.
  QUEUE_FULL: kind(429, 'later'),
  MAILBOX_FULL: kind(503, 'elsewhere'),
  DRAINING: kind(503, 'elsewhere'),
  ACTOR_LOST: kind(503, 'elsewhere'),
  NO_ACTOR: kind(503, 'later'),
  TRANSFER_FAILED: kind(502, 'elsewhere'),
  BUS_UNAVAILABLE: kind(503, 'later'),
  WIRE_INVALID: kind(502, 'never'),
  DEADLINE_EXCEEDED: kind(504, 'never'),
  CANCELLED: kind(499, 'never'),
  // The machine.
  CONFIGURATION: kind(500, 'never'),
  NATS_SERVER_MISSING: kind(500, 'never'),
  DEVICE_UNAVAILABLE: kind(503, 'never'),
  OUT_OF_MEMORY: kind(503, 'elsewhere'),
  NOT_FINITE: kind(422, 'never'),
  INTERNAL: kind(500, 'never'),
} as const satisfies Record<string, ErrorKind>;

/** A code of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** Facts that help to act on an error: field paths, names, shapes, near names. Plain data, safe to show. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error as it crosses a process border: no stack, no cause. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

/** The one error class of the mesh. Across processes compare `code`, never the class. */
export class MeshError extends Error {
  override readonly name = 'MeshError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }

  /** The form that crosses a process border. */
  toWire(): WireError {
    return { code: this.code, message: this.message, details: this.details };
  }

  /** Rebuilds an error on the caller's side; an unknown code (a newer peer) becomes INTERNAL. */
  static fromWire(wire: { code: string; message: string; details?: ErrorDetails | undefined }): MeshError {
    const code = Object.hasOwn(ERRORS, wire.code) ? (wire.code as ErrorCode) : 'INTERNAL';
    return new MeshError(code, wire.message, wire.details ?? {});
  }

  /**
   * The only way from an unknown thrown value to a MeshError. Called at an actor's turn, a bus reply and the HTTP edge.
   * An abort becomes CANCELLED unless its reason is already a MeshError.
   */
  static from(thrown: unknown): MeshError {
    if (thrown instanceof MeshError) return thrown;
    if (thrown instanceof Error && thrown.name === 'AbortError') {
      return thrown.cause instanceof MeshError ? thrown.cause : new MeshError('CANCELLED', 'The work was cancelled.');
    }
    if (thrown instanceof Error) return new MeshError('INTERNAL', thrown.message, {}, { cause: thrown });
    return new MeshError('INTERNAL', String(thrown));
  }

  /** What whoever gave work up gets: the reason of its signal where that is a MeshError, else CANCELLED. */
  static fromAbort(signal: AbortSignal): MeshError {
    const reason: unknown = signal.reason;
    if (reason instanceof MeshError) return reason;
    return new MeshError('CANCELLED', 'The caller gave up.', {}, { cause: reason });
  }
}
