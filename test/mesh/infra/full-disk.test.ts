/** A disk that is full for a while: a small file system in memory, which only root can make. */
import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startOwnNats } from '#infra/mesh/nats.ts';
import { openJobQueue } from '#shared/bus/job-queue.ts';
import { openJobStore } from '#shared/bus/job-store.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();

/** @returns its path; undefined where it cannot be made */
async function smallDisk(): Promise<string | undefined> {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', disk]));
  return disk;
}

it('full disk — jobs are refused with what to do, and taken again once there is room, the former ones still there', async ({
  skip,
}) => {
  const disk = await smallDisk();
  if (disk === undefined) return skip('a small disk cannot be mounted: needs root on Linux');
  const notices: string[] = [];
  const nats = await startOwnNats({
    port: 0,
    storeDir: join(disk, 'nats'),
    logFile: join(folder, 'nats.log'),
    onRestart: () => {},
    onGivenUp: () => {},
    onSpawn: () => {},
    onNotice: (text) => notices.push(text),
  });
  onTestFinished(() => nats.stop());
  const { connection } = await connectNats({ url: nats.url, name: 'test' });
  onTestFinished(() => connection.close());
  const body = 'x'.repeat(20_000);
  expect(await failure(openJobStore(connection, { patienceMs: 0 }))).toMatchObject({
    code: 'QUEUE_FULL',
    message: expect.stringContaining('Free some on the disk'),
  });
  const queue = await openJobQueue(connection, { patienceMs: 0 });
  await queue.submit({ id: 'before', body });
  await fill(join(disk, 'fill'));
  expect(await failure(queue.submit({ id: 'during', body }))).toMatchObject({
    code: 'BUS_UNAVAILABLE',
    message: expect.stringContaining('room on its disk'),
  });
  await rm(join(disk, 'fill'));
  const patient = await openJobQueue(connection);
  await patient.submit({ id: 'after', body });
  expect(await patient.depth()).toBe(2);
  expect(notices).toEqual([expect.stringContaining('is full'), expect.stringContaining('has room again')]);
});

/** Down to the last block. */
async function fill(path: string): Promise<void> {
  for (const sizeBytes of [2 ** 20, 2 ** 12]) {
    const block = new Uint8Array(sizeBytes);
    for (;;) {
      try {
        await writeFile(path, block, { flag: 'a' });
      } catch {
        break;
      }
    }
  }
}
