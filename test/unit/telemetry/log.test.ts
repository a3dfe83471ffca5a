import { describe, expect, it } from 'vitest';
import { runTraced } from './traced-process.ts';

describe('log — what a process writes', () => {
  it('lines on stderr: role, instance, trace; never a prompt', async () => {
    const { traceId, logLines } = await runTraced();
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(logLines).toMatchObject([
      { msg: 'Inside.', role: 'vae', instance: 'vae-1', trace_id: traceId, steps: 20, prompt: '[prompt]' },
      { msg: 'Outside.', code: 'INTERNAL' },
    ]);
    expect(logLines).toHaveLength(2);
    expect(logLines[1]).not.toHaveProperty('trace_id');
    expect(JSON.stringify(logLines)).not.toContain('secret');
  });
});
