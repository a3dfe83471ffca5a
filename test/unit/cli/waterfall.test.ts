import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { waterfall } from '../../../services/cli/waterfall.ts';

const STARTED_NANO = 1_700_000_000_000_000_000n;

/** `[id, parent, service, name, start ms, end ms, error?]` */
type Row = readonly [string, string, string, string, number, number, string?];

const span = ([spanId, parentSpanId, service, name, startMs, endMs, error]: Row): SpanRecord => ({
  traceId: 'f00d',
  spanId,
  ...(parentSpanId && { parentSpanId }),
  name,
  kind: 'internal',
  service,
  instance: `${service}-1`,
  startUnixNano: String(STARTED_NANO + BigInt(startMs * 1e6)),
  endUnixNano: String(STARTED_NANO + BigInt(endMs * 1e6)),
  attributes: {},
  ...(error && { error }),
});

const steps = Array.from({ length: 4 }, (_, i): Row[] => [
  [`s${i}`, 'd', 'denoiser', 'step', 100 + i * 200, 300 + i * 200],
  [`c${i}`, `s${i}`, 'controlnet', 'controlnet.step', 110 + i * 200, 210 + i * 200],
]).flat();

const JOB: SpanRecord[] = (
  [
    ['g', '', 'gateway', 'generation', 0, 1000],
    ['t', 'g', 'text-encoder', 'text-encoder.encode', 0, 100],
    ['d', 'g', 'denoiser', 'denoiser.denoise', 100, 900],
    ...steps,
    ['v', 'g', 'vae', 'vae.decode', 900, 1000],
  ] satisfies Row[]
).map(span);

const lines = (text: string) => text.split('\n').map((line) => line.trimEnd());

describe('waterfall', () => {
  it('draws the job over all processes, what repeats on one line', () => {
    expect(lines(waterfall(JOB, { width: 80, colour: false }))).toEqual([
      'trace f00d: 1000.0 ms, 12 spans from 5 processes',
      'generation               gateway      ▕██████████████████████████████▏    1000.0',
      '  text-encoder.encode    text-encoder ▕███                           ▏     100.0',
      '  denoiser.denoise       denoiser     ▕   ████████████████████████   ▏     800.0',
      '    step ×4              denoiser     ▕   ████████████████████████   ▏     800.0',
      '      controlnet.step ×4 controlnet   ▕   ████  ████  ████  ████     ▏     400.0',
      '  vae.decode             vae          ▕                           ███▏     100.0',
    ]);
  });

  it('draws each span when all are asked for', () => {
    const text = waterfall(JOB, { width: 80, colour: false, all: true });
    expect(lines(text)).toHaveLength(1 + JOB.length);
    expect(text).toContain('      controlnet.step');
  });

  it('does not depend on the order in which spans arrive', () => {
    const text = waterfall(JOB, { width: 80, colour: false });
    expect(waterfall(JOB.toReversed(), { width: 80, colour: false })).toBe(text);
  });

  it('shows a span whose parent is missing as a root', () => {
    const orphans = JOB.filter(({ spanId }) => spanId !== 'g');
    expect(lines(waterfall(orphans, { width: 80, colour: false }))[2]).toMatch(/^denoiser.denoise /);
  });

  it('says what failed', () => {
    const failed = span(['x', '', 'vae', 'vae.decode', 0, 0, 'out of memory']);
    expect(waterfall([failed], { width: 60, colour: false })).toMatch(/▕█ *▏ +0\.0 {2}✗ out of memory$/);
  });

  it('with colours is the same text', () => {
    const plain = waterfall(JOB, { width: 100, colour: false });
    const colourful = waterfall(JOB, { width: 100, colour: true });
    expect(colourful).not.toBe(plain);
    expect(stripVTControlCharacters(colourful)).toBe(plain);
  });

  it('keeps to the width', () => {
    const text = waterfall(JOB, { width: 70, colour: false });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(70);
  });

  it('says so when there are no spans', () => {
    expect(waterfall([], { width: 80, colour: false })).toBe('no spans');
  });
});
