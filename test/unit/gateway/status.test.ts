import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { MeshStatus, Role } from '#shared/contracts/heartbeat.ts';
import * as lora from '#shared/contracts/lora.ts';
import { served } from '#shared/service/serve.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';
import { heartbeat } from '#test/unit/placement/heartbeats.ts';
import { smallMesh } from '#test/unit/placement/small-mesh.ts';
import { meshStatus, missingRoles } from '../../../services/gateway/status.ts';

const QUEUE = { queue: { depth: async () => 3 }, maxJobs: 10 };

describe('status — the mesh as a gateway sees it', () => {
  it('comes while a library is away, without what that would tell', async () => {
    const clock = new ManualClock();
    const { client, directory, start } = smallMesh(clock);
    start('lora-1', [served(lora.list, async () => ({ body: { loras: ['ink'] } }))], { role: 'lora' });
    const pipeline = await openPipeline(fileURLToPath(new URL('../../golden/data/sd15', import.meta.url)));
    const asked = meshStatus({ ...QUEUE, pipeline, directory, mesh: client, now: clock.now });
    await clock.advance(1000);
    const status = await asked;
    expect(MeshStatus.parse(status)).toEqual(status);
    expect(status).toMatchObject({ model: 'sd15', controlnets: [], loras: ['ink'], queue: { jobs: 3, limit: 10 } });
    expect(status.instances.map(({ instance }) => instance)).toEqual(['lora-1']);
    expect(status.samplers).toContain('DPM++ 2M');
    expect(status.schedules).toContain('karras');
  });

  it('names prompts that work, where the model does', async () => {
    const clock = new ManualClock();
    const { client, directory } = smallMesh(clock);
    const pipeline = await openPipeline(fileURLToPath(new URL('../../../models/pocket', import.meta.url)));
    const asked = meshStatus({ ...QUEUE, pipeline, directory, mesh: client, now: clock.now });
    await clock.advance(1000);
    expect((await asked).examples).toContain('a red boat on the sea at night');
  });

  it('misses a role that has nobody, or only those who leave', () => {
    const { directory } = smallMesh();
    expect(missingRoles(directory)).toEqual(Role.options);
    for (const role of Role.options) directory.hear(heartbeat(role, { role }));
    expect(missingRoles(directory)).toEqual([]);
    directory.hear(heartbeat('vae', { role: 'vae', leaving: true }));
    expect(missingRoles(directory)).toEqual(['vae']);
    directory.hear(heartbeat('vae-2', { role: 'vae' }));
    expect(missingRoles(directory)).toEqual([]);
  });
});
