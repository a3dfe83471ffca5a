import { describe, expect, it } from 'vitest';
import { requestJson } from '#shared/bus/door.ts';
import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { parsePayload, toPayload } from '#shared/bus/payload-format.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { failure, gate } from '#test/contract/bus/harness.ts';
import { answerOver, openDoors } from '../../../services/gateway/doors.ts';
import type { JobsParts } from '../../../services/gateway/jobs.ts';
import { traceOf } from '../telemetry/trace-builder.ts';
import { type Gateway, gateway } from './gateway.ts';

interface Doors extends AsyncDisposable {
  readonly app: Gateway;
  /** A caller's own connection. */
  readonly person: Transport;
  ask(subject: string, body: unknown): Promise<unknown>;
}

async function doors(parts: Partial<JobsParts> = {}): Promise<Doors> {
  const broker = new MemoryBroker();
  const [inside, person] = [broker.connect(), broker.connect()];
  const app = await gateway({
    answer: (replyTo, record) => answerOver(inside, app.files)(replyTo, record),
    ...parts,
  });
  openDoors(inside, app.desk, { status: async () => STATUS, spans: async () => SPANS });
  const ask = (subject: string, body: unknown): Promise<unknown> =>
    requestJson(person, subject, body, { timeoutMs: 5000 });
  return { app, person, ask, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

const SPANS = traceOf({
  name: 'job',
  from: 0,
  to: 1000,
  children: [{ name: 'queued', from: 0, to: 900 }],
});

const STATUS = {
  model: 'tiny',
  version: '1.0.0',
  instances: [],
  controlnets: [],
  loras: [],
  samplers: [],
  schedules: [],
};

describe('doors — generate', () => {
  it('answers in msgpack when the job is done, where its caller asked for that', async () => {
    await using mesh = await doors();
    const inbox = mesh.person.newInbox();
    const heard = new Promise<unknown>((resolve) =>
      mesh.person.subscribe(inbox, ({ payload }) => resolve(parsePayload(payload, 'msgpack'))),
    );
    const { payload, headers } = toPayload({ prompt: 'a cat', job: 'packed', seed: 7 }, 'msgpack');
    mesh.person.publish(subjects.generate, payload, { headers, reply: inbox });
    expect(await heard).toMatchObject({ job: 'packed', images: [{ seed: 7, b64_json: 'AQID' }] });
  });

  it('answers a caller when the job is done, with the picture', async () => {
    await using mesh = await doors();
    expect(await mesh.ask(subjects.generate, { prompt: 'a cat', job: 'my-job', seed: 7 })).toMatchObject({
      job: 'my-job',
      images: [{ seed: 7, b64_json: 'AQID' }],
    });
  });

  it('answers by the job’s error', async () => {
    await using mesh = await doors({
      work: async () => {
        throw new MeshError('OUT_OF_MEMORY', 'The device is full.', { device: 'cpu' });
      },
    });
    expect(await failure(mesh.ask(subjects.generate, { prompt: 'a cat' }))).toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: 'The device is full.',
      details: { device: 'cpu' },
    });
  });

  it('answers what is wrong with a request at once', async () => {
    await using mesh = await doors();
    expect(await failure(mesh.ask(subjects.generate, { prompt: 'a cat', stepz: 5 }))).toMatchObject({
      code: 'INVALID_REQUEST',
      details: { problems: [{ path: 'stepz', message: 'is not a known field (did you mean steps?)' }] },
    });
  });

  it('takes one from somebody who does not wait', async () => {
    const done = gate();
    await using mesh = await doors({ tell: ({ type }) => type === 'done' && done.open() });
    mesh.person.publish(subjects.generate, Buffer.from(JSON.stringify({ prompt: 'a cat', job: 'my-job' })));
    await done.opened;
    expect((await mesh.app.jobs.get('my-job')).state).toBe('done');
  });
});

describe('doors — jobs', () => {
  it('tells a job’s record, but not who else waits for it', async () => {
    await using mesh = await doors();
    await mesh.ask(subjects.generate, { prompt: 'a cat', job: 'my-job' });
    const record = await mesh.ask(subjects.jobs, { job: 'my-job' });
    expect(record).toMatchObject({ job: 'my-job', state: 'done', result: { images: [{ object: { bytes: 3 } }] } });
    expect(record).not.toHaveProperty('reply_to');
  });

  it('tells its trace, and why it took so long', async () => {
    await using mesh = await doors();
    await mesh.ask(subjects.generate, { prompt: 'a cat', job: 'my-job' });
    expect(await mesh.ask(subjects.trace, { job: 'my-job' })).toMatchObject({
      spans: [
        { name: 'queued', start_ms: 0, end_ms: 900 },
        { name: 'job', start_ms: 0, end_ms: 1000 },
      ],
      why: { total_ms: 1000, text: expect.stringMatching(/^Of 1\.00 s, 90 % was waiting in the queue/) },
    });
  });

  it('cancels one, and answers whoever waits for it', async () => {
    const started = gate();
    await using mesh = await doors({
      work: (_, signal) => {
        started.open();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const waiting = failure(mesh.ask(subjects.generate, { prompt: 'a cat', job: 'my-job' }));
    await started.opened;
    expect(await mesh.ask(subjects.cancel, { job: 'my-job' })).toMatchObject({ state: 'cancelled' });
    expect((await waiting).code).toBe('CANCELLED');
  });

  it.each([
    ['an id that is none', { job: 'a/b' }, 'INVALID_REQUEST'],
    ['an id that never was', { job: 'other' }, 'UNKNOWN_JOB'],
    ['what else', { job: 'other', force: true }, 'INVALID_REQUEST'],
  ])('refuses %s', async (_, query, code) => {
    await using mesh = await doors();
    expect((await failure(mesh.ask(subjects.jobs, query))).code).toBe(code);
    expect((await failure(mesh.ask(subjects.cancel, query))).code).toBe(code);
  });

  it('lists jobs where none is named; to cancel, one has to be', async () => {
    await using mesh = await doors();
    for (const job of ['one', 'two']) await mesh.ask(subjects.generate, { prompt: 'a cat', job });
    const { jobs } = (await mesh.ask(subjects.jobs, { state: 'done', limit: 1 })) as { jobs: object[] };
    expect(jobs).toEqual([expect.not.objectContaining({ reply_to: expect.anything() })]);
    expect((await failure(mesh.ask(subjects.jobs, { state: 'over' }))).code).toBe('INVALID_REQUEST');
    expect((await failure(mesh.ask(subjects.cancel, {}))).code).toBe('INVALID_REQUEST');
  });

  it('equal requests are the same job, whatever the order of their fields', async () => {
    await using mesh = await doors();
    const lora = { lora: 'a-kohya', weight: 1 };
    await mesh.ask(subjects.generate, { job: 'my-job', prompt: 'a cat', loras: [lora] });
    const swapped = { loras: [{ weight: 1, lora: 'a-kohya' }], prompt: 'a cat', job: 'my-job' };
    expect(await mesh.ask(subjects.generate, swapped)).toMatchObject({ job: 'my-job' });
    expect((await failure(mesh.ask(subjects.generate, { ...swapped, seed: 1 }))).code).toBe('JOB_CONFLICT');
  });
});

describe('doors — status', () => {
  it('tells the mesh', async () => {
    await using mesh = await doors();
    expect(await mesh.ask(subjects.status, {})).toEqual(STATUS);
  });
});
