import { describe, expect, it } from 'vitest';
import { errorReply, isErrorReply, parseErrorReply } from '#shared/bus/error-reply.ts';
import { MeshError } from '#shared/errors/errors.ts';

function roundTrip(thrown: unknown): MeshError {
  const { payload, headers } = errorReply(thrown);
  expect(isErrorReply(headers)).toBe(true);
  return parseErrorReply(payload, headers);
}

describe('error replies', () => {
  it('give back code, message and details', () => {
    const error = new MeshError('LORA_MISMATCH', 'rank 4, not 8', { expected: [8], got: [4] });
    expect(roundTrip(error).toWire()).toEqual(error.toWire());
  });

  it('write as text what JSON does not know', () => {
    const details: Record<string, unknown> = { seed: 5n, name: Symbol('x') };
    details.self = details;
    expect(roundTrip(new MeshError('INTERNAL', 'x', details)).details).toMatchObject({ seed: '5', name: 'Symbol(x)' });
  });

  it('drop details that are too large rather than the error', () => {
    const error = roundTrip(new MeshError('INTERNAL', 'x', { dump: 'y'.repeat(1_000_000) }));
    expect(error.toWire()).toEqual({ code: 'INTERNAL', message: 'x', details: {} });
  });

  it('fit into headers whatever the message', () => {
    const { headers } = errorReply(new MeshError('INTERNAL', `a\r\nInjected: yes\n${'z'.repeat(1000)}`));
    expect(headers['Nats-Service-Error']).toMatch(/^INTERNAL: a Injected: yes z+$/);
    expect(headers['Nats-Service-Error']!.length).toBeLessThanOrEqual(200);
    expect(headers['Nats-Service-Error-Code']).toBe('500');
  });

  it('of a newer version are INTERNAL, with their text', () => {
    const payload = Buffer.from('{"error": {"code": "FROM_THE_FUTURE", "message": "hm"}}');
    expect(parseErrorReply(payload, {}).toWire()).toMatchObject({ code: 'INTERNAL', message: 'hm' });
  });
});
