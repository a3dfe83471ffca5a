/**
 * A process that answers at once with as many residuals as it is asked for: the giving side of a transfer.
 *
 * Run: `node benchmarks/transfer-callee.ts NATS_URL SUBJECT unix|tcp`
 */
import { DirectPath } from '#shared/bus/direct-path.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { f32, type Tensor } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';

/** Channels and side of each residual, the middle one last: SD 1.5 at 512², SDXL at 1024², one picture without guidance. */
const RESIDUALS: Readonly<Record<string, readonly (readonly [channels: number, side: number])[]>> = {
  none: [],
  sd15: [
    [320, 64],
    [320, 64],
    [320, 64],
    [320, 32],
    [640, 32],
    [640, 32],
    [640, 16],
    [1280, 16],
    [1280, 16],
    [1280, 8],
    [1280, 8],
    [1280, 8],
    [1280, 8],
  ],
  sdxl: [
    [320, 128],
    [320, 128],
    [320, 128],
    [320, 64],
    [640, 64],
    [640, 64],
    [640, 32],
    [1280, 32],
    [1280, 32],
    [1280, 32],
  ],
};

const [url, subject, way] = process.argv.slice(2) as [string, string, 'unix' | 'tcp'];
const direct = await DirectPath.open(way === 'tcp' ? { unix: 'none', tcpHost: '127.0.0.1' } : {});
const bus = new MeshBus(await connectNats({ url, name: 'latentmesh-bench' }), { instance: `callee-${way}`, direct });

function residuals(sizes: readonly (readonly [number, number])[]): Record<string, Tensor> {
  const tensors = sizes.map(([channels, side]) => {
    const data = new Float32Array(channels * side * side).fill(Math.PI);
    return f32([1, channels, side, side], data);
  });
  return Object.fromEntries(tensors.map((tensor, i) => [`residual_${i}`, tensor]));
}

/** Made before they are asked for: a device has them in memory by then. */
const ready = Object.fromEntries(Object.entries(RESIDUALS).map(([name, sizes]) => [name, residuals(sizes)]));

bus.serve(subject, async ({ body }) => message(body, ready[body as string]!));
await bus.flush();
process.send!('ready');
// Its parent is gone, or has had enough.
process.once('disconnect', () => void bus.stop());
