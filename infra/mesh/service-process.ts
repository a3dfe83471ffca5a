/**
 * Owns one service: starts its process, starts it again when it dies, ends it. Knows nothing of NATS.
 *
 * Invariants
 *  S1  at most one process of a service at a time
 *  S2  a service that says why it cannot start (`fatal` before its first `ready`) is not started again
 *  S3  after `end` was called nothing is started
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MeshError } from '#shared/errors/errors.ts';
import type { FatalReport, ReadyReport } from '#shared/service/supervised.ts';
import { RestartPolicy } from './restart-policy.ts';

/** What to run, and who hears of it. */
export interface ServiceProcessOptions {
  /** `denoiser`, or `denoiser-1` for a further one. */
  readonly name: string;
  /** The TypeScript file to run. */
  readonly script: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine: (line: string) => void;
  /** Where `onLine` keeps the lines, for people to look. */
  readonly logFile: string;
  /** It died and will be started again. */
  readonly onRestart: (cause: string, delayMs: number) => void;
  /** It will not be started again. Called at most once. */
  readonly onGivenUp: (error: MeshError) => void;
  readonly onSpawn: (pid: number) => void;
}

/** How Node heads the report of what ended it. */
const UNCAUGHT = /^\w*Error\b.*: /;

/** See the head of this file. */
export class ServiceProcess {
  readonly name: string;
  /** Resolves with the first `ready`; stays open when that never comes. */
  readonly ready: Promise<ReadyReport>;
  readonly #options: ServiceProcessOptions;
  readonly #policy = new RestartPolicy();
  readonly #markReady: (report: ReadyReport) => void;
  #child: ChildProcess | undefined;
  #wasReady = false;
  #fatal: MeshError | undefined;
  #restart: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(options: ServiceProcessOptions) {
    this.name = options.name;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<ReadyReport>();
    this.ready = promise;
    this.#markReady = resolve;
  }

  get isReady(): boolean {
    return this.#wasReady;
  }

  start(): void {
    const { script, cwd, env, onLine, onSpawn } = this.#options;
    // Its own process group: Ctrl-C in a terminal must reach the supervisor only, which ends the services in order.
    const child = spawn(process.execPath, [script], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    let lastError = '';
    const hear = (line: string): void => {
      if (UNCAUGHT.test(line)) lastError = line;
      onLine(line);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream! }).on('line', hear);
    child.on('message', (report: ReadyReport | FatalReport) => this.#heard(report));
    // Not `exit`: it can come before the last lines and messages have been read.
    child.once('close', (code, signal) => this.#died(lastError || (signal ? `ended by ${signal}` : `status ${code}`)));
    child.once('error', (error) => this.#died(error.message));
    if (child.pid !== undefined) onSpawn(child.pid);
  }

  /** SIGTERM, and SIGKILL when it has not drained after `graceMs`. Resolves when it is gone. Idempotent. */
  async end(graceMs: number): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    // One that has died on its own may not be told of yet: its last lines are still being read.
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(force);
  }

  /** At once, for when the supervisor itself must go. */
  kill(): void {
    this.#isEnding = true;
    this.#child?.kill('SIGKILL');
  }

  #heard(report: ReadyReport | FatalReport): void {
    if (report.type === 'fatal') this.#fatal = MeshError.fromWire(report);
    if (report.type !== 'ready') return;
    this.#wasReady = true;
    this.#markReady(report);
  }

  #died(cause: string): void {
    if (!this.#child) return;
    this.#child = undefined;
    const fatal = this.#fatal;
    this.#fatal = undefined;
    if (this.#isEnding) return;
    const { onGivenUp, onRestart, logFile } = this.#options;
    const delayMs = fatal && !this.#wasReady ? 'give-up' : this.#policy.crashed(Date.now());
    if (delayMs === 'give-up') {
      onGivenUp(fatal ?? new MeshError('INTERNAL', `${this.name} keeps crashing (${cause}). Its log: ${logFile}`));
      return;
    }
    onRestart(fatal?.message ?? cause, delayMs);
    this.#restart = setTimeout(() => this.start(), delayMs);
  }
}
