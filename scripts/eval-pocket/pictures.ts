/** Pictures as anyone gets them: asked for over NATS, in JSON. */
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { MAX_BATCH } from '#shared/contracts/limits.ts';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import { encodePng } from '#shared/image/png.ts';
import { type Mesh, openMesh } from '../../services/cli/mesh.ts';
import { type Benchmark, type Expected, MODEL } from './benchmark.ts';

/** What all requests have in common, besides prompt and seed. */
type Extras = Pick<GenerateInput, 'controlnets' | 'loras'>;

/** A mesh that serves the pocket model, and how it is asked. */
export class Painter implements AsyncDisposable {
  readonly #mesh: Mesh;
  readonly #benchmark: Benchmark;
  /** Pictures without add-ons, by prompt and seed. */
  readonly #painted = new Map<string, Picture>();
  /** Times of the jobs of one picture, from acceptance to reply, ms. */
  readonly singleMs: number[] = [];

  private constructor(mesh: Mesh, benchmark: Benchmark) {
    this.#mesh = mesh;
    this.#benchmark = benchmark;
  }

  /** Joins the mesh that runs, or starts one. @throws MeshError UNKNOWN_MODEL when the one that runs serves another model */
  static async open(benchmark: Benchmark, say: (text: string) => void): Promise<Painter> {
    return new Painter(await openMesh({ model: MODEL, onStart: say }), benchmark);
  }

  /** One picture for each prompt without add-ons; what was painted once is not painted again. */
  async paintPlain(entries: readonly Expected[]): Promise<Picture[]> {
    const missing = entries.filter((entry) => !this.#painted.has(keyOf(entry)));
    const pictures = await this.paint(missing);
    for (const [i, entry] of missing.entries()) this.#painted.set(keyOf(entry), pictures[i]!);
    return entries.map((entry) => this.#painted.get(keyOf(entry))!);
  }

  /** One picture for each prompt, several in a job. */
  async paint(entries: readonly Expected[], extras: Extras = {}): Promise<Picture[]> {
    const pictures: Picture[] = [];
    for (let start = 0; start < entries.length; start += MAX_BATCH) {
      pictures.push(...(await this.#ask(entries.slice(start, start + MAX_BATCH), extras)));
    }
    return pictures;
  }

  /** The same, each in a job of its own. */
  async paintSingly(entries: readonly Expected[]): Promise<Picture[]> {
    const pictures: Picture[] = [];
    for (const entry of entries) pictures.push(...(await this.paintPlain([entry])));
    return pictures;
  }

  /** One picture for each prompt, each along its own hint. */
  async paintAlong(hints: readonly Picture[], controlnet: string, entries: readonly Expected[]): Promise<Picture[]> {
    const pictures: Picture[] = [];
    for (const [i, entry] of entries.entries()) {
      const controlnets = [await controlUnit(controlnet, hints[i]!)];
      pictures.push(...(await this.#ask([entry], { controlnets })));
    }
    return pictures;
  }

  async #ask(entries: readonly Expected[], extras: Extras): Promise<Picture[]> {
    const { steps, guidance } = this.#benchmark;
    const request: GenerateInput = {
      model: 'pocket',
      prompt: entries.map(({ prompt }) => prompt),
      seed: entries.map(({ seed }) => seed),
      steps,
      guidance_scale: guidance,
      ...extras,
    };
    const reply = await this.#mesh.client.generate(request);
    if (entries.length === 1 && !extras.controlnets?.length) this.singleMs.push(reply.timings.total_ms);
    return Promise.all(reply.images.map(async (image) => decodeImage(await this.#mesh.client.png(image))));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#mesh.close();
  }
}

function keyOf({ prompt, seed }: Expected): string {
  return `${seed} ${prompt}`;
}

/** The hint as it is: nothing is looked for in it. */
export async function controlUnit(controlnet: string, hint: Picture) {
  const image = Buffer.from(await encodePng(hint)).toString('base64');
  return { controlnet, image, preprocessor: 'none' as const };
}
