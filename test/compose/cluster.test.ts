import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ComposeProject, docker, missingDocker } from './docker.ts';

const missing = await missingDocker();
const FILES = ['-f', 'docker-compose.yml', '-f', 'infra/compose/nats-cluster.yml'];
const SERVERS = ['nats', 'nats-2', 'nats-3'];

let project: ComposeProject;
const compose = (...args: string[]): Promise<string> => project.compose(...FILES, ...args);

async function picture(): Promise<string> {
  const body = JSON.stringify({ prompt: 'a red boat on the sea', seed: 7 });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${project.httpUrl}/v1/images/generations`, { method: 'POST', headers, body });
  const { data, error } = (await response.json()) as { data?: { b64_json: string }[]; error?: unknown };
  expect(error).toBeUndefined();
  return data![0]!.b64_json;
}

describe.skipIf(missing)(`compose — three NATS servers${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(async () => {
    project = await ComposeProject.create();
    await compose('build', 'gateway');
    await compose('up', '-d', '--wait', '--no-build');
  });

  afterAll(async () => {
    await compose('down', '-v', '-t', '1');
  });

  it('every stream is on all of them', async () => {
    const told = await compose('exec', '-T', 'nats', 'wget', '-qO-', 'http://127.0.0.1:8222/jsz?streams=1&config=1');
    const { account_details } = JSON.parse(told) as {
      account_details: { stream_detail: { name: string; config: { num_replicas: number } }[] }[];
    };
    const replicas = account_details.flatMap(({ stream_detail }) =>
      stream_detail.map(({ name, config }) => [name, config.num_replicas]),
    );
    expect(replicas.map(([name]) => name)).toContain('LATENTMESH_QUEUE');
    expect(replicas.filter(([, count]) => count !== 3)).toEqual([]);
  });

  it('any of them may be killed in mid-job: no job is lost, and the pictures are the same', async () => {
    const calm = await picture();
    for (const server of SERVERS) {
      const jobs = [picture(), picture()];
      const [container] = await project.containers(server);
      await docker(['kill', container!]);
      expect(new Set(await Promise.all(jobs))).toEqual(new Set([calm]));
      await compose('up', '-d', '--wait', '--no-build', '--no-recreate', server);
    }
  });
});
