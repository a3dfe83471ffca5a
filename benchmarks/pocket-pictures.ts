/** Pictures of the pocket model, to be compared with each other. */
import { join } from 'node:path';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { requestJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { decodeBase64Image } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import type { BenchMesh } from './local-mesh.ts';

const JOB_TIMEOUT_MS = 60_000;

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

/** Further ones, two things or rarer places among them. */
export const MORE_POCKET_PROMPTS: readonly string[] = [
  'a red ball and a blue box in the snow',
  'a black dog on the beach at night',
  'a blue house in the forest by day',
  'a green car on the road at sunset',
  'a white boat on the sea at night',
  'a yellow flower in the desert by day',
  'an orange cat on a meadow at sunset',
  'a red balloon in the mountains by day',
  'a purple tree in the snow at night',
];

/** The bytes of a picture's pixels. */
export async function pixels(mesh: BenchMesh, request: GenerateInput): Promise<Uint8Array> {
  return (await picture(mesh, request)).data;
}

/** A picture's pixels. */
export async function picture(mesh: BenchMesh, request: GenerateInput): Promise<Picture> {
  return decodeBase64Image(await encodedPicture(mesh, request));
}

/** A picture as the mesh tells it: a PNG in base64. */
export async function encodedPicture({ transport }: BenchMesh, request: GenerateInput): Promise<string> {
  const reply = (await requestJson(transport, subjects.generate, request, {
    timeoutMs: JOB_TIMEOUT_MS,
  })) as GenerateReply;
  return reply.images[0]!.b64_json!;
}
