/** Where the studio of a mesh on this machine is. */
import { join } from 'node:path';

/** The built studio, in the state folder. */
export function studioFolder(stateFolder: string): string {
  return join(stateFolder, 'studio');
}
