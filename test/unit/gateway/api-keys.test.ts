import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failure } from '#test/contract/bus/harness.ts';
import { ApiKeys, hashOf, openKeys } from '../../../services/gateway/api-keys.ts';
import { createHttp } from '../../../services/gateway/http/server.ts';
import type { JobsParts } from '../../../services/gateway/jobs.ts';
import { Quotas } from '../../../services/gateway/quotas.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { gateway } from './gateway.ts';

const folder = await temporaryFolder();
const file = join(folder, 'keys.json');
const key = (name: string, secret: string, more: object = {}) => ({
  ...{ name, sha256: hashOf(secret), scopes: ['generate', 'read'] },
  ...more,
});
const write = (...keys: object[]) => writeFile(file, JSON.stringify({ keys }));

describe('API keys — the file', () => {
  it('knows a key by its hash, until it expires', async () => {
    await write(key('ann', 'a'), key('old', 'o', { expires_unix_ms: 5 }));
    const keys = await ApiKeys.open(file, { now: () => 5 });
    expect(keys.check('a')).toMatchObject({ name: 'ann', limits: {} });
    for (const wrong of ['', 'b', 'o', hashOf('a')]) expect(keys.check(wrong)).toBeUndefined();
    keys.close();
  });

  it('changes without a restart; a file that is wrong leaves the former keys', async () => {
    await write(key('ann', 'a'));
    const keys = await ApiKeys.open(file);
    await write(key('ann', 'a'), key('ann', 'a new one'));
    await keys.refresh();
    expect([keys.check('a')?.name, keys.check('a new one')?.name]).toEqual(['ann', 'ann']);
    await writeFile(file, '{"keys": [{"name": "ann"}]}');
    expect(await failure(keys.refresh())).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('keys.0.sha256'),
    });
    expect(keys.check('a')?.name).toBe('ann');
    await write(key('ann', 'a new one'));
    await keys.refresh();
    expect(keys.check('a')).toBeUndefined();
    keys.close();
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example'])(
    'a gateway on %s needs keys, or to be opened on purpose',
    async (httpHost) => {
      const ask = (more: object) => openKeys({ httpHost, isHttpOpen: false, ...more }, () => {});
      expect((await failure(ask({}))).code).toBe('CONFIGURATION');
      expect(await ask({ isHttpOpen: true })).toBeUndefined();
      (await ask({ apiKeysFile: file }))!.close();
    },
  );

  it.each(['127.0.0.1', 'localhost', '::1'])('one on %s needs none', async (httpHost) => {
    expect(await openKeys({ httpHost, isHttpOpen: false }, () => {})).toBeUndefined();
  });
});

describe('API keys — quotas', () => {
  it('a key has its jobs of a minute, filled up all the time', () => {
    let nowMs = 0;
    const quotas = new Quotas(() => nowMs);
    const ann = { name: 'ann', limits: { jobs_per_minute: 2 } };
    quotas.take(ann);
    quotas.take(ann);
    expect(() => quotas.take(ann)).toThrow(
      expect.objectContaining({
        code: 'QUOTA_EXCEEDED',
        details: { limit: 2, of: 'jobs_per_minute', retry_after_s: 30 },
      }),
    );
    quotas.take({ name: 'ben', limits: { jobs_per_minute: 2 } });
    nowMs = 30_000;
    quotas.take(ann);
    expect(() => quotas.take(ann)).toThrow();
  });
});

describe('API keys — over HTTP', () => {
  async function guarded(parts: Partial<JobsParts> = {}) {
    const made = await gateway(parts);
    await write(
      key('ann', 'a'),
      key('ben', 'b', { limits: { jobs_per_minute: 1 } }),
      key('eve', 'e', { scopes: ['read'] }),
      key('root', 'r', { scopes: ['admin'] }),
    );
    const keys = await ApiKeys.open(file);
    const http = createHttp({ ...made.httpParts, keys });
    const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, secret?: string, body?: object) =>
      http.inject({
        method,
        url,
        ...(body && { payload: body }),
        headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
      });
    return {
      ...made,
      http,
      keys,
      ask,
      [Symbol.asyncDispose]: async () => {
        keys.close();
        await http.close();
      },
    };
  }

  it('UNAUTHORIZED without one, but for what an orchestrator asks', async () => {
    await using server = await guarded();
    for (const url of ['/v1/jobs', '/v1/status', '/', '/metrics', '/healthz/../v1/jobs']) {
      const { statusCode, headers } = await server.ask('GET', url);
      expect([url, statusCode]).toEqual([url, 401]);
      expect(headers['www-authenticate']).toContain('Basic');
    }
    expect((await server.ask('GET', '/v1/jobs', 'wrong')).json()).toMatchObject({ error: { code: 'UNAUTHORIZED' } });
    expect((await server.ask('GET', '/healthz')).statusCode).toBe(200);
  });

  it('takes it as Bearer, as X-API-Key, and as the password of Basic', async () => {
    await using server = await guarded();
    const basic = `Basic ${Buffer.from('anyone:a').toString('base64')}`;
    for (const headers of [{ authorization: 'Bearer a' }, { 'x-api-key': 'a' }, { authorization: basic }]) {
      expect((await server.http.inject({ url: '/v1/jobs', headers })).statusCode).toBe(200);
    }
  });

  it('a job is of the key that sent it, whatever it says, and others do not find it', async () => {
    await using server = await guarded();
    const sent = await server.ask('POST', '/v1/jobs', 'a', { prompt: 'a cat', job: 'mine', client: 'ben' });
    expect(sent.statusCode).toBe(202);
    const statusFor = async (secret: string) => (await server.ask('GET', '/v1/jobs/mine', secret)).statusCode;
    expect([await statusFor('a'), await statusFor('b'), await statusFor('r')]).toEqual([200, 404, 200]);
    for (const path of ['', '/events', '/images/0', '/trace']) {
      expect((await server.ask('GET', `/v1/jobs/mine${path}`, 'b')).statusCode).toBe(404);
    }
    expect((await server.ask('DELETE', '/v1/jobs/mine', 'b')).statusCode).toBe(404);
    const listed = async (secret: string) =>
      (await server.ask('GET', '/v1/jobs?client=ann', secret)).json().jobs.length;
    expect([await listed('a'), await listed('b'), await listed('r')]).toEqual([1, 0, 1]);
  });

  it('FORBIDDEN without the scope, QUOTA_EXCEEDED beyond the limit, with the time to wait', async () => {
    await using server = await guarded();
    const job = { prompt: 'a cat' };
    expect((await server.ask('POST', '/v1/jobs', 'e', job)).json()).toMatchObject({ error: { code: 'FORBIDDEN' } });
    expect((await server.ask('POST', '/v1/jobs', 'b', job)).statusCode).toBe(202);
    const refused = await server.ask('POST', '/v1/jobs', 'b', job);
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '60']);
  });

  it('QUOTA_EXCEEDED for the request beyond those of a minute, whatever it asks', async () => {
    await using server = await guarded();
    await write(key('ann', 'a', { limits: { requests_per_minute: 2 } }));
    await server.keys.refresh();
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await server.ask('GET', '/v1/status', 'a')).statusCode);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('a key has so many jobs at once: the next is taken when one of them is over, or was refused', async () => {
    await using server = await guarded({ enqueue: async () => {} });
    await write(key('ann', 'a', { limits: { jobs_at_once: 2 } }));
    await server.keys.refresh();
    const send = (job: string, more = {}) => server.ask('POST', '/v1/jobs', 'a', { prompt: 'a cat', job, ...more });
    expect((await send('wrong', { steps: 0 })).statusCode).toBe(400);
    const together = await Promise.all([send('a'), send('b'), send('c')]);
    expect(together.map(({ statusCode }) => statusCode)).toEqual([202, 202, 429]);
    expect(together[2]!.headers['retry-after']).toBe('2');
    expect(together[2]!.json().error).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { of: 'jobs_at_once', limit: 2 },
    });
    await server.ask('DELETE', '/v1/jobs/a', 'a');
    expect((await send('b', { steps: 3 })).json().error.code).toBe('JOB_CONFLICT');
    expect([(await send('c')).statusCode, (await send('d')).statusCode]).toEqual([202, 429]);
  });
});
