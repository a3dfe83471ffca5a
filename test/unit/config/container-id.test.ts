import { describe, expect, it } from 'vitest';
import { containerId } from '#shared/config/container-id.ts';

const ID = '1f0c2a'.padEnd(64, 'e');
const ROOT = '620 540 0:71 / / ro,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/ABC';

describe('container id — which container a process is in', () => {
  it.each([
    ['Docker', `${ROOT}\n633 620 8:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname ro - ext4 /dev/sda1 rw`],
    [
      'containerd',
      `${ROOT}\n633 620 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/${ID}/hostname /etc/hostname ro - ext4 /dev/sda1 rw`,
    ],
  ])('by the files that %s mounts into it', (_, mounts) => {
    expect(containerId(mounts)).toBe('1f0c2aeeeeee');
  });

  it('outside of containers there is none', () => {
    expect(
      containerId('25 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n30 25 0:5 / /proc rw - proc proc rw'),
    ).toBeUndefined();
  });
});
