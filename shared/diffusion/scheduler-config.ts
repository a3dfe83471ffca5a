/**
 * A checkpoint's scheduler_config.json, read as Diffusers' `Scheduler.from_config` reads it: what the file says, else the
 * default of the sampler's own class. A setting that would change the picture and is not implemented is refused.
 */
import { MeshError } from '#shared/errors/errors.ts';

/** The JSON object of scheduler_config.json, as it stands in the file. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

const BETA_SCHEDULES = ['linear', 'scaled_linear', 'squaredcos_cap_v2'] as const;
const PREDICTION_TYPES = ['epsilon', 'v_prediction', 'sample'] as const;
const TIMESTEP_SPACINGS = ['leading', 'linspace', 'trailing'] as const;

/** How betas grow over the training steps. */
export type BetaSchedule = (typeof BETA_SCHEDULES)[number];
/** What the network predicts: the noise, the velocity, or the clean latents. */
export type PredictionType = (typeof PREDICTION_TYPES)[number];
/** How a run of few steps is spread over the training steps. */
export type TimestepSpacing = (typeof TIMESTEP_SPACINGS)[number];

/** Most training steps that a config may name; real ones have 1000. */
const MAX_TRAIN_TIMESTEPS = 10_000;

/** The settings that samplers share, with every default applied. */
export interface SchedulerSettings {
  readonly trainTimesteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: BetaSchedule;
  /** Betas given one by one; they win over the schedule. */
  readonly trainedBetas: readonly number[] | undefined;
  readonly rescaleZeroTerminalSnr: boolean;
  readonly predictionType: PredictionType;
  readonly timestepSpacing: TimestepSpacing;
  readonly stepsOffset: number;
  /** Clean latents are limited to ±this; undefined: not at all. */
  readonly clipSampleRange: number | undefined;
  /** Whether the step below timestep 0 goes to ᾱ = 1 rather than to ᾱ₀. */
  readonly setAlphaToOne: boolean;
}

/** What a Diffusers class assumes where the config is silent, and what of it is implemented here. */
export interface SchedulerClass {
  readonly timestepSpacing: TimestepSpacing;
  readonly betaStart?: number;
  readonly betaEnd?: number;
  readonly betaSchedule?: BetaSchedule;
  readonly clipSample?: boolean;
  readonly setAlphaToOne?: boolean;
  readonly predictionTypes?: readonly PredictionType[];
  /** Further settings that the class knows, with the only values that are implemented; a silent config passes. */
  readonly only: Readonly<Record<string, readonly unknown[]>>;
}

/**
 * Reads the settings for a sampler that follows `target`.
 * @throws MeshError CONFIG_INVALID when a setting has the wrong type, CONFIG_UNSUPPORTED when its value is not implemented.
 */
export function readSettings(config: SchedulerConfig, target: SchedulerClass): SchedulerSettings {
  refuseOthers(config, target.only);
  const trainTimesteps = readNumber(config, 'num_train_timesteps', 1000, isCount);
  const clips = readBoolean(config, 'clip_sample', target.clipSample ?? false);
  return {
    trainTimesteps,
    betaStart: readNumber(config, 'beta_start', target.betaStart ?? 0.0001, isBeta),
    betaEnd: readNumber(config, 'beta_end', target.betaEnd ?? 0.02, isBeta),
    betaSchedule: readChoice(config, 'beta_schedule', BETA_SCHEDULES, target.betaSchedule ?? 'linear'),
    trainedBetas: readBetas(config, trainTimesteps),
    rescaleZeroTerminalSnr: readBoolean(config, 'rescale_betas_zero_snr', false),
    predictionType: readChoice(config, 'prediction_type', target.predictionTypes ?? PREDICTION_TYPES, 'epsilon'),
    timestepSpacing: readChoice(config, 'timestep_spacing', TIMESTEP_SPACINGS, target.timestepSpacing),
    stepsOffset: readNumber(config, 'steps_offset', 0, (value) => Number.isInteger(value) && value >= 0),
    clipSampleRange: clips ? readNumber(config, 'clip_sample_range', 1, (value) => value > 0) : undefined,
    setAlphaToOne: readBoolean(config, 'set_alpha_to_one', target.setAlphaToOne ?? false),
  };
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= MAX_TRAIN_TIMESTEPS;
const isBeta = (value: number): boolean => value > 0 && value < 1;

/** A number of the config, or the default. @throws MeshError CONFIG_INVALID when it is none or out of range. */
export function readNumber(
  config: SchedulerConfig,
  name: string,
  fallback: number,
  isValid: (value: number) => boolean,
): number {
  const value = config[name] ?? fallback;
  if (typeof value !== 'number' || !isValid(value)) throw invalid(name, value, 'a number in its range');
  return value;
}

/** A boolean of the config, or the default. @throws MeshError CONFIG_INVALID when it is none. */
export function readBoolean(config: SchedulerConfig, name: string, fallback: boolean): boolean {
  const value = config[name] ?? fallback;
  if (typeof value !== 'boolean') throw invalid(name, value, 'true or false');
  return value;
}

function readChoice<T extends string>(config: SchedulerConfig, name: string, choices: readonly T[], fallback: T): T {
  const value = config[name] ?? fallback;
  if (!choices.includes(value as T)) throw unsupported(name, value, choices);
  return value as T;
}

function readBetas(config: SchedulerConfig, trainTimesteps: number): readonly number[] | undefined {
  const betas = config.trained_betas ?? undefined;
  if (betas === undefined) return undefined;
  const isList = Array.isArray(betas) && betas.length === trainTimesteps;
  if (!isList || !betas.every((beta) => typeof beta === 'number' && isBeta(beta))) {
    throw invalid('trained_betas', betas, `a list of ${trainTimesteps} numbers between 0 and 1`);
  }
  return betas;
}

function refuseOthers(config: SchedulerConfig, only: SchedulerClass['only']): void {
  for (const [name, supported] of Object.entries(only)) {
    const value = config[name] ?? undefined;
    if (value !== undefined && !supported.some((one) => sameSetting(one, value)))
      throw unsupported(name, value, supported);
  }
}

/** Settings are scalars or short lists. */
function sameSetting(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || (Array.isArray(a) && JSON.stringify(a) === JSON.stringify(b));
}

function invalid(name: string, value: unknown, expected: string): MeshError {
  const message = `scheduler_config.json: ${name} is ${show(value)}, it must be ${expected}.`;
  return new MeshError('CONFIG_INVALID', message, { setting: name, value: show(value), expected });
}

function unsupported(name: string, value: unknown, supported: readonly unknown[]): MeshError {
  const choices = supported.map(show).join(', ');
  const message = `scheduler_config.json: ${name} is ${show(value)}; this sampler has only ${choices}. Choose another sampler or change the file.`;
  return new MeshError('CONFIG_UNSUPPORTED', message, {
    setting: name,
    value: show(value),
    supported: supported.map(show),
  });
}

/** JSON as in the file, cut where a hostile file made it long. */
function show(value: unknown): string {
  return String(typeof value === 'number' ? value : JSON.stringify(value)).slice(0, 80);
}
