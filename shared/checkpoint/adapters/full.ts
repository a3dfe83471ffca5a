/** Full differences: what is left of a fine-tuned weight when the base's is taken off. */
import { type AdapterKind, asMatrix } from './adapter-kind.ts';

/** diff [O, I] or [O, I, K, K] */
export const FULL: AdapterKind = {
  name: 'full difference',
  marks: ['diff'],
  complete: [['diff']],
  optional: ['alpha'],
  fit: ({ diff }) => ({ rank: undefined, shape: diff! }),
  change: ({ diff }) => ({ kind: 'full', delta: asMatrix(diff!) }),
};
