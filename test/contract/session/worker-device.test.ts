import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { describeDevice } from './device-contract.ts';

/** Opens the device to see whether this machine has it; the reason it has not is the reason of the skip. */
async function whyUnavailable(device: string): Promise<string | undefined> {
  try {
    await (await openDevice({ device })).close();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code === 'DEVICE_UNAVAILABLE') return thrown.message;
    throw thrown;
  }
}

describeDevice('cpu', () => openDevice({ device: 'cpu', threads: 2 }));

for (const device of ['cuda:0', 'webgpu']) {
  const reason = await whyUnavailable(device);
  if (reason === undefined) {
    describeDevice(device, () => openDevice({ device }));
    continue;
  }
  it(`device ${device} — is refused with what to do when the machine has none, never replaced by another`, () => {
    expect(reason).toContain('choose the device cpu');
  });
  it(`device ${device} — contract`, ({ skip }) => skip(reason));
}

describe('opening a device', () => {
  it.each([
    { device: 'tpu' },
    { device: 'cuda' },
    { device: 'cuda:x' },
    { device: 'cpu', threads: 0 },
    { device: 'cpu', threads: 1.5 },
  ])('refuses the configuration %o', async (config) => {
    await expect(openDevice(config)).rejects.toMatchObject({ code: 'CONFIGURATION' });
  });
});
