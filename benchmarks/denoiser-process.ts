/** One denoiser, alone with a nats-server: what it takes to start and to run, without the rest of the mesh. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceEnvironment } from '#infra/mesh/service-environment.ts';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { type NatsServer, startNatsServer } from '#infra/nats/start-server.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { denoise } from '#shared/contracts/denoiser.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { FatalReport, ReadyReport } from '#shared/service/supervised.ts';
import type { AddedEmbedding } from '#shared/tensor/network-config.ts';
import { f32, type TensorMap } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';

/** What its embeddings look like. */
export interface PromptSize {
  readonly tokens: number;
  readonly width: number;
  /** Of SDXL. */
  readonly added?: AddedEmbedding | undefined;
}

/** Numbers that SDXL is told of a picture's size. */
const SIZES = 6;
const JOB_TIMEOUT_MS = 30 * 60_000;

/** See the head of this file. */
export class DenoiserProcess implements AsyncDisposable {
  readonly pid: number;
  /** From the start of the process until it serves, ms. */
  readonly readyMs: number;
  readonly #instance: string;
  readonly #bus: MeshBus;
  readonly #parts: { readonly child: ChildProcess; readonly nats: NatsServer; readonly storeDir: string };

  private constructor(
    parts: { child: ChildProcess; nats: NatsServer; storeDir: string },
    { bus, instance, readyMs }: { bus: MeshBus; instance: string; readyMs: number },
  ) {
    this.#parts = parts;
    this.pid = parts.child.pid!;
    this.readyMs = readyMs;
    this.#bus = bus;
    this.#instance = instance;
  }

  static async start(model: string): Promise<DenoiserProcess> {
    const storeDir = await mkdtemp(join(tmpdir(), 'latentmesh-bench-'));
    const nats = await startNatsServer({ storeDir });
    const startedMs = performance.now();
    const child = spawn(process.execPath, [join(PROJECT_FOLDER, 'services', 'denoiser', 'main.ts')], {
      env: {
        ...serviceEnvironment(process.env),
        NATS_URL: nats.url,
        LATENTMESH_MODEL: model,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const { instance } = await ready(child);
    const readyMs = performance.now() - startedMs;
    const bus = new MeshBus(await connectNats({ url: nats.url, name: 'latentmesh-bench' }), { instance: 'bench' });
    return new DenoiserProcess({ child, nats, storeDir }, { bus, instance, readyMs });
  }

  /** Denoises one picture with guidance, on embeddings of zeros. */
  async denoise({ side, steps, prompt }: { side: number; steps: number; prompt: PromptSize }): Promise<void> {
    const request = denoise.request.parse({
      job: `bench-${steps}`,
      height: side,
      width: side,
      steps,
      sampler: 'Euler',
      guidance_scale: 7.5,
      seeds: [0],
      guess_mode: false,
      controlnets: [],
      loras: [],
      lora_start: 'exact',
      ...(prompt.added && { time_ids: [side, side, 0, 0, side, side] }),
    });
    const tensors = zeroEmbeds(prompt);
    await this.#bus.call(subjects.instance('denoiser', 'denoise', this.#instance), message(request, tensors), {
      deadlineUnixMs: Date.now() + JOB_TIMEOUT_MS,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { child, nats, storeDir } = this.#parts;
    await this.#bus.close();
    const gone = new Promise((done) => child.once('close', done));
    child.kill('SIGTERM');
    await gone;
    await nats.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

function ready(child: ChildProcess): Promise<ReadyReport> {
  return new Promise((resolve, reject) => {
    child.once('message', (report: ReadyReport | FatalReport) => {
      if (report.type === 'ready') resolve(report);
      else reject(MeshError.fromWire(report));
    });
    child.once('close', (code) => reject(new MeshError('INTERNAL', `The denoiser ended with status ${code}.`)));
  });
}

/** For both halves of guidance. */
function zeroEmbeds({ tokens, width, added }: PromptSize): TensorMap {
  const [prompt_embeds, negative_prompt_embeds] = [f32([1, tokens, width]), f32([1, tokens, width])];
  if (!added) return { prompt_embeds, negative_prompt_embeds };
  const pooled = [1, added.width - SIZES * added.sizeWidth];
  const embeds = { pooled_prompt_embeds: f32(pooled), negative_pooled_prompt_embeds: f32(pooled) };
  return { prompt_embeds, negative_prompt_embeds, ...embeds };
}
