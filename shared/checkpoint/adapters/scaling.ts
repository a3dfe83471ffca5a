/** (IA)³: every output, or every input, of a layer is scaled. */
import { elementCount, f32 } from '#shared/tensor/tensor.ts';
import type { AdapterKind } from './adapter-kind.ts';

/** weight [O], or [I] where on_input is 1 */
export const SCALING: AdapterKind = {
  name: '(IA)³',
  marks: ['on_input', 'ia3'],
  complete: [['ia3', 'on_input']],
  optional: [],
  fit({ ia3 }, weight) {
    const count = elementCount(ia3!);
    return count === weight[0] || count === weight[1] ? { rank: undefined, shape: weight } : undefined;
  },
  change({ ia3, on_input: onInput }) {
    const numbers = f32([ia3!.data.length], ia3!.data);
    return onInput!.data[0] ? { kind: 'scaling', columns: numbers } : { kind: 'scaling', rows: numbers };
  },
};
