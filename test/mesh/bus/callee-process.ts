/** A process of its own that serves one subject and never answers, to be killed by a test. */
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';

const [url, subject] = process.argv.slice(2);
const bus = new MeshBus(await connectNats({ url: url!, name: 'callee' }), { instance: 'callee-process' });
bus.serve(subject!, () => {
  process.stdout.write('started\n');
  return new Promise(() => {});
});
await bus.flush();
process.stdout.write('ready\n');
