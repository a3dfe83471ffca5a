import { expect, it } from 'vitest';
import { readSpans } from '#shared/bus/span-stream.ts';
import { TestMesh } from '../mesh-kit.ts';

it('a mesh with OTEL_SDK_DISABLED makes the same picture, and no spans', async () => {
  const request = { prompt: 'a boat', seed: 7, steps: 2 };
  await using untraced = await TestMesh.start({ model: 'small', env: { OTEL_SDK_DISABLED: 'true' } });
  await using traced = await TestMesh.start({ model: 'small' });
  const [reply, other] = await Promise.all([untraced.generate(request), traced.generate(request)]);
  expect(reply.trace_id).toMatch(/^0+$/);
  expect(other.trace_id).not.toMatch(/^0+$/);
  expect(await untraced.png(reply)).toEqual(await traced.png(other));
  expect(await readSpans(untraced.transport.connection, reply.trace_id)).toEqual([]);
});
