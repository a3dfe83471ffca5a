/** `npm run build:studio [DIR]`: builds the studio where a gateway is told to look for it, by LATENTMESH_STUDIO. */
import { resolve } from 'node:path';
import { stateFolder } from '#infra/mesh/state-file.ts';
import { ensureStudio } from './build.ts';
import { studioFolder } from './folder.ts';

const folder = process.argv[2] ? resolve(process.argv[2]) : studioFolder(stateFolder());
const wasBuilt = await ensureStudio(folder);
process.stdout.write(`${folder}: ${wasBuilt ? 'built' : 'up to date'}\n`);
