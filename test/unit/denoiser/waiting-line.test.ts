import { describe, expect, it } from 'vitest';
import { WaitingLine } from '../../../services/denoiser/waiting-line.ts';

function newLine(): { line: WaitingLine; begun: string[]; job: (name: string) => { begin: () => void } } {
  const begun: string[] = [];
  return { line: new WaitingLine(), begun, job: (name) => ({ begin: () => begun.push(name) }) };
}

describe('waiting line — preparing before the turn', () => {
  it('only the first that waits prepares, however many wait behind it', () => {
    const { line, begun, job } = newLine();
    const [a, b, c] = [job('a'), job('b'), job('c')];
    line.join(a);
    line.leave(a); // its turn
    line.join(b);
    line.join(c);
    expect(new Set(begun)).toEqual(new Set(['a', 'b']));
    line.leave(b);
    expect(begun.at(-1)).toBe('c');
  });

  it('one that gives up makes place, and leaves only once', () => {
    const { line, begun, job } = newLine();
    const [a, b] = [job('a'), job('b')];
    line.join(a);
    line.join(b);
    line.leave(a);
    expect(begun.at(-1)).toBe('b');
    const count = begun.length;
    line.leave(a);
    expect(begun.length).toBe(count);
  });
});
