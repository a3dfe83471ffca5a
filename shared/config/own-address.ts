/** The address by which other hosts reach this one, where nobody but the host itself can know it: in a container. */
import { networkInterfaces } from 'node:os';
import { MeshError } from '#shared/errors/errors.ts';

/** What {@link ownAddress} looks through: `os.networkInterfaces()`. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * The first address that is not the host's own loop, IPv4 before IPv6; link-local ones need a zone to be dialled and are left out.
 * @throws MeshError CONFIGURATION when there is none
 */
export function ownAddress(interfaces: Interfaces = networkInterfaces()): string {
  const outer = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe80|169\.254)/.test(address));
  const chosen = outer.find(({ family }) => family === 'IPv4') ?? outer[0];
  if (chosen) return chosen.address;
  throw new MeshError(
    'CONFIGURATION',
    'LATENTMESH_DIRECT_HOST=auto finds no address of this host but its own loop: name one, or leave it out.',
  );
}
