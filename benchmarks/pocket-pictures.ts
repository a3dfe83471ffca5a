/** Pictures of the pocket model, to be compared with each other. */
import { join } from 'node:path';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { decodeBase64Image } from '#shared/image/decode.ts';
import type { BenchMesh } from './local-mesh.ts';

/** Folder of the checkpoint. */
export const POCKET = join(PROJECT_FOLDER, 'models', 'pocket');

/** One object in each, of its own colour, ground and time. */
export const POCKET_PROMPTS: readonly string[] = [
  'a red boat on the sea by day',
  'a yellow car in the mountains at sunset',
  'a green tree on a meadow by day',
  'a purple fish in the sea at night',
  'a white cat in the snow by day',
  'an orange balloon in the desert at sunset',
  'a pink flower on a meadow at night',
];

/** The bytes of a picture's pixels. */
export async function pixels(mesh: BenchMesh, request: GenerateInput): Promise<Uint8Array> {
  const { reply } = await mesh.generate(request);
  return (await decodeBase64Image(reply.images[0]!.b64_json!)).data;
}
