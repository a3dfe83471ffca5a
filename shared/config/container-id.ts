/** Which container this process is in: stays over its restarts, where process ids and, on the network of the host, host names are those of others too. */
import { readFileSync } from 'node:fs';

/** Docker and containerd keep the files of a container that they mount into it in a folder named for it. */
const OF_A_CONTAINER = /\/(?:containers|sandboxes)\/([0-9a-f]{64})\//;
/** As much as `docker ps` shows. */
const SHORT_LENGTH = 12;

/** Undefined outside of containers. `mounts` is what proc(5) calls mountinfo. */
export function containerId(mounts: string = ownMounts()): string | undefined {
  return OF_A_CONTAINER.exec(mounts)?.[1]?.slice(0, SHORT_LENGTH);
}

function ownMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return ''; // not on Linux
  }
}
