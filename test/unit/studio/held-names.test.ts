import { describe, expect, it } from 'vitest';
import { heldName, loraNames } from '../../../services/studio/insight/held-names.ts';

const NAMES = loraNames([
  'a boat <lora:neon:1>\nSteps: 20, Lora hashes: neon: 8283545833, Version: latentmesh',
  'a boat\nSteps: 20, Lora hashes: "ink: 00112233aa, old paper: 99887766bb", Version: latentmesh',
]);

describe('studio — names of what actors hold', () => {
  it.each([
    ['8283545833@1', 'neon@1'],
    ['00112233aa@0.5+99887766bb@1', 'ink@0.5+old paper@1'],
    ['edges', 'edges'],
    ['ffffffffff@1', 'LoRA ffff@1'],
  ])('%s is %s', (held, name) => {
    expect(heldName(held, NAMES)).toBe(name);
  });
});
