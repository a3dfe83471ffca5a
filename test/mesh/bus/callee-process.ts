/**
 * A process of its own that serves one subject, to be killed by a test: it answers a count with as many numbers, and
 * anything else never.
 */
import { DirectPath } from '#shared/bus/direct-path.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';

const [url, subject, tcpHost] = process.argv.slice(2);
const direct = await DirectPath.open(tcpHost ? { unix: 'none', tcpHost } : {});
const bus = new MeshBus(await connectNats({ url: url!, name: 'callee' }), { instance: 'callee-process', direct });
bus.serve(subject!, async ({ body }) => {
  process.stdout.write('started\n');
  return typeof body === 'number' ? message(null, { y: f32([body]) }) : new Promise(() => {});
});
await bus.flush();
process.stdout.write('ready\n');
