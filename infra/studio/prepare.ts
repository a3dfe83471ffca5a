/** The studio of `npm start`: built before the gateway looks for it. */
import { MeshError } from '#shared/errors/errors.ts';
import { ensureStudio } from './build.ts';
import { studioFolder } from './folder.ts';

/**
 * The variable that tells a gateway where the studio is; one that is set already stays. A mesh whose studio cannot be built
 * makes pictures all the same: that is told, and no more.
 */
export async function prepareStudio(
  stateFolder: string,
  env: NodeJS.ProcessEnv,
  onNotice: (text: string) => void,
): Promise<{ LATENTMESH_STUDIO?: string }> {
  if (env.LATENTMESH_STUDIO) return {};
  const folder = studioFolder(stateFolder);
  try {
    await ensureStudio(folder);
    return { LATENTMESH_STUDIO: folder };
  } catch (thrown) {
    onNotice(`No studio: ${MeshError.from(thrown).message}`);
    return {};
  }
}
