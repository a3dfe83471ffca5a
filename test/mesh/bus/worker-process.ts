/** A process of its own that takes a job from the queue and never ends it, to be killed by a test. */
import { openJobQueue } from '#shared/bus/job-queue.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';

const { connection } = await connectNats({ url: process.argv[2]!, name: 'worker' });
const queue = await openJobQueue(connection);
queue.consume(
  () => 1,
  ({ id }) => {
    process.stdout.write(`started ${id}\n`);
    return new Promise(() => {});
  },
);
process.stdout.write('ready\n');
