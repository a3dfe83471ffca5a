/** Finds and reads the profile of a simulated device. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshError } from '#shared/errors/errors.ts';
import { DeviceProfile } from './device-profile.ts';

/** Begins the name of a simulated device; the rest names its profile, or is the path of one. */
export const SIMULATED = 'simulated:';

/** What a simulated device is made from. */
export interface Simulation {
  readonly profile: DeviceProfile;
  /** Real milliseconds for each simulated one: above 1 the mesh around the device has more time for its own work. */
  readonly timeScale: number;
}

/** Where the profiles lie that come with the project. */
const OWN_PROFILES = fileURLToPath(new URL('../../loadtest/profiles', import.meta.url));

/**
 * Reads the profile that a device's name means: a path, or the name of a file in one of the folders or of our own.
 * @throws MeshError CONFIGURATION when there is none, or naming every field that is wrong
 */
export function readProfile(device: string, folders: readonly string[] = []): DeviceProfile {
  const named = device.slice(SIMULATED.length);
  const candidates = named.endsWith('.json')
    ? [resolve(named)]
    : [...folders, OWN_PROFILES].map((folder) => join(folder, `${named}.json`));
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    const text = `There is no profile for the device "${device}": looked for ${candidates.join(', ')}.`;
    throw new MeshError('CONFIGURATION', text, { device, candidates });
  }
  return parseProfile(path, readFileSync(path, 'utf8'));
}

/** @throws MeshError CONFIGURATION naming every field that is wrong */
function parseProfile(path: string, text: string): DeviceProfile {
  const parsed = DeviceProfile.safeParse(jsonOf(path, text));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new MeshError('CONFIGURATION', `The profile ${path} is not right. ${problems.join('; ')}.`, { path, problems });
}

function jsonOf(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MeshError('CONFIGURATION', `The profile ${path} is no JSON.`, { path }, { cause });
  }
}
