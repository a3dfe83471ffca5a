import { describe, expect, it } from 'vitest';
import { failure } from '#test/contract/bus/harness.ts';
import { Assistant, type AssistantParts } from '../../../services/denoiser/assistant.ts';

describe('assistant — the half of another denoiser’s job', () => {
  it('H2: a call for one that was given up fails at once, also behind a job that has the device', async () => {
    // Nothing else of the parts is touched without a half.
    const inTurn: AssistantParts['inTurn'] = () => new Promise(() => {});
    const assistant = new Assistant({ inTurn } as unknown as AssistantParts);
    const body = { half: 'gone', call: 0, timestep: 1, is_adapted: false };
    const step = assistant.step({ body, tensors: {}, deadlineUnixMs: Date.now() + 1000 }, new AbortController().signal);
    expect(await failure(step)).toMatchObject({ code: 'ACTOR_LOST' });
    expect(assistant.load).toBe(0);
  });
});
