import { describe, expect, it } from 'vitest';
import { type Interfaces, ownAddress } from '#shared/config/own-address.ts';
import { MeshError } from '#shared/errors/errors.ts';

const address = (text: string, internal = false) => ({
  address: text,
  internal,
  family: text.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
  netmask: '',
  mac: '',
  cidr: null,
  ...(text.includes(':') && { scopeid: 0 }),
});
const interfaces = (...addresses: ReturnType<typeof address>[]) => ({ any: addresses }) as unknown as Interfaces;
const loop = address('127.0.0.1', true);

describe('own address — of a container', () => {
  it.each([
    ['IPv4, whatever comes before it', interfaces(loop, address('fd00::2'), address('10.0.3.7')), '10.0.3.7'],
    ['IPv6 where there is nothing else', interfaces(loop, address('fd00::2')), 'fd00::2'],
    ['not a link-local one, which cannot be dialled', interfaces(address('fe80::1'), address('fd00::2')), 'fd00::2'],
  ])('%s', (_, given, expected) => {
    expect(ownAddress(given)).toBe(expected);
  });

  it('a host without a network is told what to set', () => {
    expect(() => ownAddress(interfaces(loop))).toThrow(MeshError);
    expect(() => ownAddress(interfaces(loop))).toThrow(/LATENTMESH_DIRECT_HOST=auto .* leave it out/);
  });
});
