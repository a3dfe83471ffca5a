/**
 * A process that calls for residuals and tells how long they took: the taking side of a transfer.
 *
 * Run: `node benchmarks/transfer-caller.ts NATS_URL`, a {@link TransferOrder} over IPC for each measurement
 */
import { DirectPath } from '#shared/bus/direct-path.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { f32, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { giveBuffer } from '#shared/wire/spare-buffers.ts';

/** What to measure. */
export interface TransferOrder {
  readonly subject: string;
  readonly isDirect: boolean;
  readonly payload: 'none' | 'sd15' | 'sdxl';
  /** Whether the request is what opens a session, not what a step sends. */
  readonly hasHint: boolean;
  readonly times: number;
}

/** What was measured. */
export interface TransferTimes {
  readonly callMs: readonly number[];
  readonly route: string;
  readonly bytes: number;
}

const TIMEOUT_MS = 60_000;
/** The first ones compile code and find their buffers. */
const WARM_UPS = 4;
const LATENTS: TensorMap = { latents: f32([1, 4, 64, 64]) };
/** At 512² with guidance. */
const HINT: TensorMap = {
  hint: tensor('u8', [1, 3, 512, 512], new Uint8Array(3 * 512 * 512)),
  prompt_embeds: f32([2, 77, 768]),
};

const [url] = process.argv.slice(2) as [string];
const newBus = async (direct?: DirectPath): Promise<MeshBus> =>
  new MeshBus(await connectNats({ url, name: 'latentmesh-bench' }), { instance: 'bench', ...(direct && { direct }) });
const buses = { direct: await newBus(await DirectPath.open()), indirect: await newBus() };

async function measure({ subject, isDirect, payload, hasHint, times }: TransferOrder): Promise<TransferTimes> {
  const bus = isDirect ? buses.direct : buses.indirect;
  const callMs: number[] = [];
  let [route, bytes] = ['', 0];
  for (let i = 0; i < WARM_UPS + times; i++) {
    const startedMs = performance.now();
    const { tensors } = await bus.call(subject, message(payload, hasHint ? HINT : LATENTS), {
      deadlineUnixMs: Date.now() + TIMEOUT_MS,
      hasOneCallee: true,
      onReply: (transfer) => {
        [route, bytes] = [transfer.route, transfer.sizeBytes];
      },
    });
    if (i >= WARM_UPS) callMs.push(performance.now() - startedMs);
    for (const { data } of Object.values(tensors)) giveBuffer(data.buffer); // as a denoiser does behind each step
  }
  return { callMs, route, bytes };
}

process.on('message', (order: TransferOrder) => void measure(order).then((times) => process.send!(times)));
process.once('disconnect', () => void Promise.all([buses.direct.stop(), buses.indirect.stop()]));
process.send!('ready');
