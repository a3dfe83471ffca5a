import { describe, expect, it } from 'vitest';
import type { Heartbeat, Role } from '#shared/contracts/heartbeat.ts';
import { layoutMesh, nameOf } from '../../../services/studio/insight/mesh-layout.ts';

function heartbeat(role: Role, index = 0): Heartbeat {
  return {
    role,
    instance: `${role}-${index}`,
    slot: `${role}-${index}@host`,
    device: 'cpu',
    model: 'pocket',
    load: 0,
    capacity: 1,
    holds: [],
    leaving: false,
    started_unix_ms: 0,
    rss_bytes: 0,
  };
}
const MESH = (['gateway', 'text-encoder', 'denoiser', 'vae', 'lora', 'controlnet'] as const).map((role) =>
  heartbeat(role),
);
const FLOW = { from: 'denoiser-0', to: 'controlnet-0', kind: 'latents', bytes: 1, route: 'unix', count: 1 } as const;

describe('studio — the map of the mesh', () => {
  it('has every actor once, none over another, all inside', () => {
    const instances = [...MESH, heartbeat('denoiser', 1), heartbeat('controlnet', 1), heartbeat('controlnet', 2)];
    const { nodes, width, height } = layoutMesh(instances, []);
    expect(nodes.flatMap((node) => node.instances.map(({ instance }) => instance)).toSorted()).toEqual(
      instances.map(({ instance }) => instance).toSorted(),
    );
    for (const [i, a] of nodes.entries()) {
      expect(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height).toBe(true);
      for (const b of nodes.slice(i + 1)) expect(a.x === b.x && Math.abs(a.y - b.y) < a.height).toBe(false);
    }
  });

  it('keeps the order of replicas whoever reports first', () => {
    const there = [heartbeat('denoiser', 1), heartbeat('denoiser', 0)];
    expect(layoutMesh(there, []).nodes.map(nameOf)).toEqual(['denoiser-0', 'denoiser-1']);
  });

  it('draws what flows there and back as two ways', () => {
    const back = { ...FLOW, from: FLOW.to, to: FLOW.from, kind: 'residuals' } as const;
    const flows = layoutMesh(MESH, [FLOW, back]).ways.filter(({ flow }) => flow);
    expect(flows.map(({ flow }) => flow?.kind)).toEqual(['latents', 'residuals']);
    expect(flows[0]!.path).not.toBe(flows[1]!.path);
  });

  it('has one box for many of a role, no higher than the few, and one way for what flows to them', () => {
    const many = Array.from({ length: 64 }, (_, i) => heartbeat('controlnet', i));
    const others = MESH.filter(({ role }) => role !== 'controlnet');
    const flows = many.map(({ instance }) => ({ ...FLOW, to: instance, bytes: 2 }));
    const { nodes, ways, height } = layoutMesh([...others, ...many], flows);
    expect(nodes.filter(({ role }) => role === 'controlnet').map(({ instances }) => instances.length)).toEqual([64]);
    expect(ways.flatMap(({ flow }) => (flow ? [flow.bytes] : []))).toEqual([128]);
    expect(height).toBeLessThan(320);
  });

  it('leaves out what flows to somebody who is gone', () => {
    const { ways } = layoutMesh(MESH, [{ ...FLOW, to: 'controlnet-9' }]);
    expect(ways.filter(({ flow }) => flow)).toEqual([]);
  });

  it('is empty for an empty mesh', () => {
    expect(layoutMesh([], [FLOW])).toMatchObject({ nodes: [], ways: [] });
  });
});
