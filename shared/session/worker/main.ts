/**
 * The worker's entry: takes one order at a time from the device's thread and answers it. Blocking is fine here, that is
 * what the thread is for; what the orders do is in the files beside this one.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Order, Reply, WorkerSetup } from '../protocol.ts';
import { type Answer, Runtime } from './runtime.ts';
import { runtimeError } from './runtime-error.ts';

const port = parentPort!;
const runtime = new Runtime(workerData as WorkerSetup);

function send(reply: Reply, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(reply, transfer);
}

function perform({ operation, request }: Order): Promise<Answer> | Answer {
  const handle = runtime[operation] as (request: Order['request']) => Promise<Answer> | Answer;
  return handle.call(runtime, request);
}

async function serve(order: Order): Promise<void> {
  try {
    const { value, transfer } = await perform(order);
    send({ value }, transfer);
  } catch (thrown) {
    send({ error: runtimeError(thrown, order.operation).toWire() });
  }
  // With its port closed nothing keeps the thread alive, and it ends by itself.
  if (order.operation === 'exit') port.close();
}

port.on('message', (order: Order) => void serve(order));
port.on('messageerror', (error) => send({ error: runtimeError(error, 'message').toWire() }));
