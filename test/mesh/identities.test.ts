/** A mesh whose NATS server knows every role by its key: what it needs goes, what it must not do is refused. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCertificates } from '#infra/nats/certificates.ts';
import { AUTHORIZATION_FILE, seedFile, writeIdentities } from '#infra/nats/identities.ts';
import { IDENTITIES, type Identity } from '#infra/nats/permissions.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { readObject } from '#shared/bus/object-store.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TestMesh } from './mesh-kit.ts';
import { startNats, type TestNats } from './nats-kit.ts';
import { generatePicture, SMALL_JOB } from './recorded-requests.ts';

const NOBODY = new Uint8Array(0);
/** JetStream's ways to read, to change and to redirect what the mesh keeps. */
const STORE = [
  '$JS.API.STREAM.MSG.GET.KV_LATENTMESH_JOBS_STATE',
  '$JS.API.DIRECT.GET.KV_LATENTMESH_JOBS_STATE.$KV.LATENTMESH_JOBS_STATE.job',
  '$JS.API.CONSUMER.CREATE.LATENTMESH_QUEUE.mine',
  '$JS.API.CONSUMER.MSG.NEXT.LATENTMESH_QUEUE.normal_0',
  '$JS.API.STREAM.CREATE.MINE',
  '$JS.API.STREAM.DELETE.LATENTMESH_QUEUE',
  '$JS.API.STREAM.UPDATE.LATENTMESH_QUEUE',
  '$KV.LATENTMESH_JOBS_STATE.job',
  '$O.LATENTMESH_RESULTS.M.x',
  subjects.queue('normal', '0'),
  subjects.dead,
];
const RESULTS = '$JS.API.STREAM.MSG.GET.OBJ_LATENTMESH_RESULTS';
const ACTOR_MUST_NOT_HEAR = [
  '>',
  'latentmesh.v1.>',
  subjects.generate,
  subjects.allEvents,
  subjects.allQueued,
  '_INBOX.>',
];
const ACTOR_MUST_NOT_SAY = [subjects.generate, subjects.cancel, subjects.jobs, RESULTS, ...STORE];
const DENOISE = 'latentmesh.v1.actor.denoiser.denoise';

/** What is tried, and must be refused. */
const REFUSED: Readonly<Record<Identity, { readonly say: readonly string[]; readonly hear: readonly string[] }>> = {
  gateway: {
    say: [
      '$JS.API.STREAM.DELETE.LATENTMESH_QUEUE',
      '$JS.API.STREAM.CREATE.MINE',
      '$SYS.REQ.SERVER.PING',
      subjects.heartbeat('vae', 'x'),
    ],
    hear: ['>', `${DENOISE}.*`, '_INBOX_client.>', '_INBOX_denoiser.>', '$JS.API.>'],
  },
  'text-encoder': {
    say: [
      ...ACTOR_MUST_NOT_SAY,
      subjects.events('job'),
      `${DENOISE}.x`,
      subjects.heartbeat('vae', 'x'),
      '_INBOX_client.x',
    ],
    hear: [...ACTOR_MUST_NOT_HEAR, `${DENOISE}.*`, '_INBOX_gateway.>'],
  },
  controlnet: {
    say: [
      ...ACTOR_MUST_NOT_SAY,
      ...[subjects.events('job'), subjects.previews('job'), subjects.checkpoint('job'), `${DENOISE}.x`],
      ...['_INBOX_client.x', '_INBOX_lora.x', 'latentmesh.v1.actor.lora.patch.x', subjects.heartbeat('denoiser', 'x')],
    ],
    hear: [
      ...ACTOR_MUST_NOT_HEAR,
      ...['latentmesh.v1.actor.text-encoder.encode', 'latentmesh.v1.actor.text-encoder.encode.*', `${DENOISE}.*`],
      ...[subjects.allPreviews, subjects.allCheckpoints, subjects.allSpans, '_INBOX_gateway.>', '_INBOX_denoiser.>'],
    ],
  },
  denoiser: {
    say: [
      ...ACTOR_MUST_NOT_SAY,
      '$JS.API.STREAM.DELETE.LATENTMESH_CHECKPOINTS',
      'latentmesh.v1.actor.vae.decode.x',
      '_INBOX_client.x',
    ],
    hear: [...ACTOR_MUST_NOT_HEAR, 'latentmesh.v1.actor.text-encoder.encode.*', '_INBOX_gateway.>'],
  },
  lora: {
    say: [...ACTOR_MUST_NOT_SAY, subjects.events('job'), `${DENOISE}.x`, subjects.call('x'), '_INBOX_client.x'],
    hear: [...ACTOR_MUST_NOT_HEAR, 'latentmesh.v1.actor.text-encoder.encode.*', '_INBOX_denoiser.>'],
  },
  vae: {
    say: [...ACTOR_MUST_NOT_SAY, subjects.events('job'), `${DENOISE}.x`, '_INBOX_client.x'],
    hear: [...ACTOR_MUST_NOT_HEAR, 'latentmesh.v1.actor.text-encoder.encode.*', '_INBOX_gateway.>'],
  },
  client: {
    say: [...STORE, subjects.events('job'), `${DENOISE}.x`, subjects.heartbeat('vae', 'x'), '_INBOX_gateway.x'],
    hear: ['>', subjects.generate, subjects.allQueued, `${DENOISE}.*`, '_INBOX_gateway.>', '_INBOX_observer.>'],
  },
  observer: {
    say: [
      ...STORE,
      RESULTS,
      subjects.generate,
      subjects.cancel,
      subjects.jobs,
      subjects.events('job'),
      '_INBOX_client.x',
    ],
    hear: ['>', subjects.generate, subjects.allEvents, subjects.allCheckpoints, `${DENOISE}.*`, '_INBOX_client.>'],
  },
};

const folder = await temporaryFolder();
const keys = join(folder, 'keys');
const hasOpenssl = canRun('openssl');
let nats: TestNats;
let url: string;
let caFile: string | undefined;

beforeAll(async () => {
  await writeIdentities(keys);
  let config = await readFile(join(keys, AUTHORIZATION_FILE), 'utf8');
  if (hasOpenssl) {
    await writeCertificates(keys, ['localhost', '127.0.0.1']);
    config += `tls { cert_file: "${join(keys, 'server.pem')}", key_file: "${join(keys, 'server-key.pem')}" }\n`;
    caFile = join(keys, 'ca.pem');
  }
  nats = await startNats(config);
  url = nats.url;
});
afterAll(() => nats?.[Symbol.asyncDispose]());

describe('identities — a mesh of them', () => {
  let mesh: TestMesh;
  beforeAll(async () => {
    const secrets = { NATS_URL: url, LATENTMESH_NATS_KEYS: keys, ...(caFile && { LATENTMESH_NATS_CA_FILE: caFile }) };
    // Denoisers that share a picture ask each other as well.
    const env = { ...secrets, LATENTMESH_GUIDANCE: 'split' };
    mesh = await TestMesh.start({ model: 'small', replicas: { denoiser: 2 }, env });
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  it('makes pictures with a ControlNet and a LoRA, and is refused nothing that it needs', async () => {
    const drawing = await encodePng(tensor('u8', [64, 64, 3], new Uint8Array(64 * 64 * 3).fill(120)));
    const image = Buffer.from(drawing).toString('base64');
    const job: GenerateInput = {
      ...SMALL_JOB,
      preview_every: 1,
      loras: [{ lora: 'a-kohya' }],
      controlnets: [{ controlnet: 'controlnet-a', image, preprocessor: 'none' }],
    };
    const picture = await generatePicture(mesh, job);
    expect(picture.shape).toEqual([1, 64, 64, 3]);
    expect(picture).not.toEqual(await generatePicture(mesh, SMALL_JOB));
    const { jobs } = (await mesh.ask(subjects.jobs, {})) as { jobs: { job: string; state: string }[] };
    expect(jobs.map(({ state }) => state)).toEqual(['done', 'done']);
    const trace = () => mesh.ask(subjects.trace, { job: jobs.at(-1)!.job }).then((view) => JSON.stringify(view));
    await expect.poll(trace).toContain('denoiser.assist'); // spans come when they end
    const noFile = readObject(mesh.transport.connection, { bucket: 'LATENTMESH_RESULTS', name: 'none' });
    expect((await failure(noFile)).code).toBe('UNKNOWN_JOB');
    const metrics = await fetch(`${mesh.httpUrl}/metrics`).then((reply) => reply.text());
    for (const role of ['gateway', 'controlnet', 'denoiser', 'lora']) expect(metrics).toContain(`role="${role}"`);
    expect(mesh.log.filter((line) => /NATS refuses|Trouble|ermissions/.test(line))).toEqual([]);
  });
});

describe('identities — what each must not do', () => {
  it.each(IDENTITIES)('%s is refused by the server', async (identity) => {
    await using resources = new AsyncDisposableStack();
    const transport = await connect(identity);
    resources.defer(() => transport.close());
    const { say, hear } = REFUSED[identity];
    const errors: string[] = [];
    transport.onStatus((status) => status.type === 'error' && errors.push(status.error.message));
    for (const subject of say) transport.publish(subject, NOBODY);
    for (const subject of hear) transport.subscribe(subject, () => {});
    await transport.flush();
    const isRefused = (subject: string): boolean => errors.some((text) => text.includes(`"${subject}"`));
    await expect.poll(() => [...say, ...hear].filter((subject) => !isRefused(subject))).toEqual([]);
  });

  it('whoever has no key, or another one, does not come in', async () => {
    expect((await failure(connectNats({ url, name: 'stranger', caFile }))).code).toBe('CONFIGURATION');
    const others = join(folder, 'others');
    await writeIdentities(others);
    const stranger = { url, name: 'stranger', identity: 'gateway', nkeyFile: seedFile(others, 'gateway'), caFile };
    expect((await failure(connectNats(stranger))).code).toBe('CONFIGURATION');
  });

  it('a file that holds no seed is told by its name', async () => {
    const nkeyFile = join(keys, AUTHORIZATION_FILE);
    const error = await failure(connectNats({ url, name: 'x', identity: 'vae', nkeyFile, caFile }));
    expect(error).toMatchObject({ code: 'CONFIGURATION', message: expect.stringContaining(nkeyFile) });
  });

  it.skipIf(!hasOpenssl)('a server that nobody vouches for is not spoken to (needs openssl)', async () => {
    const nkeyFile = seedFile(keys, 'client');
    const error = await failure(connectNats({ url, name: 'x', identity: 'client', nkeyFile }));
    expect(error.code).toBe('BUS_UNAVAILABLE');
  });

  it('keys that are there are not overwritten', async () => {
    const before = await readFile(seedFile(keys, 'gateway'), 'utf8');
    await expect(writeIdentities(keys)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(seedFile(keys, 'gateway'), 'utf8')).toBe(before);
  });
});

function connect(identity: Identity): Promise<NatsTransport> {
  return connectNats({ url, name: identity, identity, nkeyFile: seedFile(keys, identity), caFile });
}

function canRun(program: string): boolean {
  try {
    execFileSync(program, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
