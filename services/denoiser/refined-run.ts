/** A run that is begun by one UNet and finished by another: SDXL's base and its refiner. LoRAs and ControlNets are of the first. */
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { f32, pick, type TensorMap } from '#shared/tensor/tensor.ts';
import type { ModelCall, Prediction } from './controlled-unet.ts';
import type { Guidance, GuidedJob } from './guidance.ts';
import { type GuidedRequest, openGuidedRun } from './guided-run.ts';
import type { Unet } from './unet.ts';

/** What the refiner's calls are made from; `body.refiner` is there. */
export interface RefinedRun {
  readonly unet: Unet;
  readonly job: GuidedJob;
  readonly request: Omit<GuidedRequest, 'body'> & { readonly body: DenoiseRequest };
}

/** What the text encoders say of a prompt. */
const EMBEDS = /^(?:negative_)?prompt_embeds/;
/** What stands in the place of the model's own negative half. */
const OWN = 'refiner_';

/** The refiner's calls, by a job's whole run; ControlNets are not of its kind, and it reuses no features. */
export function openRefiner(
  mesh: Parameters<typeof openGuidedRun>[0]['mesh'],
  { unet, job, request }: RefinedRun,
): Guidance {
  const { body, tensors, inpaint } = request;
  const own = { ...job, name: `${job.name}-refiner`, controlnets: [], hints: {}, deep_cache: undefined };
  const { time_ids, negative_time_ids } = body.refiner!;
  const guided = openGuidedRun({ unet, mesh }, own, {
    body: { ...body, time_ids, negative_time_ids },
    tensors: refinerEmbeds(tensors, unet.config.crossAttentionDim),
    inpaint,
  });
  return {
    // The job's LoRAs are of the other UNet.
    predict: (call) => guided.predict({ ...call, weights: unet.base, isAdapted: false }),
    close: () => guided.close(),
  };
}

/**
 * Embeddings as the refiner reads them: of each token what the second text encoder said, which stands last.
 *
 * width  numbers for each token
 */
export function refinerEmbeds(tensors: TensorMap, width: number): TensorMap {
  const named = Object.entries(tensors).filter(([name]) => !name.startsWith(OWN));
  return Object.fromEntries(
    named.map(([name, tensor]) => {
      const given = tensors[`${OWN}${name}`] ?? tensor;
      return [name, EMBEDS.test(name) ? lastNumbers(pick({ [name]: given }, name, 'f32'), width) : given];
    }),
  );
}

function lastNumbers(embeds: ReturnType<typeof f32>, width: number): ReturnType<typeof f32> {
  const [batch, tokens, all] = embeds.shape as [number, number, number];
  const data = new Float32Array(batch * tokens * width);
  for (let row = 0; row < batch * tokens; row++) {
    data.set(embeds.data.subarray((row + 1) * all - width, (row + 1) * all), row * width);
  }
  return f32([batch, tokens, width], data);
}

/** Each of the two is opened by its first call; the first one is closed when the second takes over. */
export class RefinedGuidance implements Guidance {
  readonly #refinerCall: number;
  readonly #openRefiner: () => Guidance;
  #base: Guidance | undefined;
  #refiner: Guidance | undefined;

  /** refinerCall  the first call of the job that is the refiner's */
  constructor(base: Guidance, refinerCall: number, open: () => Guidance) {
    this.#base = base;
    this.#refinerCall = refinerCall;
    this.#openRefiner = open;
  }

  async predict(call: ModelCall): Promise<Prediction> {
    if (call.index < this.#refinerCall) return this.#base!.predict(call);
    await this.#closeBase();
    this.#refiner ??= this.#openRefiner();
    return this.#refiner.predict(call);
  }

  async close(): Promise<void> {
    await Promise.all([this.#closeBase(), this.#refiner?.close()]);
  }

  async #closeBase(): Promise<void> {
    const base = this.#base;
    this.#base = undefined;
    await base?.close();
  }
}
