/** What `generate` prints when it is done: paths first, so that a pipe can use them. */
import { styleText } from 'node:util';
import type { GeneratedImage, GenerateReply } from '#shared/contracts/generate.ts';

/** A picture with the file that it was saved in. */
export interface SavedPicture {
  readonly path: string;
  readonly png: Uint8Array;
  readonly image: GeneratedImage;
}

/** Columns of a preview: half of a usual terminal, a picture of 48 × 48 dots. */
const PREVIEW_COLUMNS = 48;

/** Prints the pictures' paths and times, or all of it as JSON; in a terminal the pictures too. */
export async function printResult(
  reply: GenerateReply,
  pictures: readonly SavedPicture[],
  { json, isTraceable }: { readonly json: boolean; readonly isTraceable: boolean },
): Promise<void> {
  if (json) {
    process.stdout.write(`${JSON.stringify(resultJson(reply, pictures))}\n`);
    return;
  }
  for (const warning of reply.warnings) {
    process.stderr.write(`${styleText('yellow', 'warning', { stream: process.stderr })}: ${warning.message}\n`);
  }
  for (const picture of pictures) {
    if (process.stdout.isTTY) process.stdout.write(`${await preview(picture)}\n`);
    process.stdout.write(`${pictureLine(picture)}\n`);
  }
  const hint = isTraceable ? `   npx latentmesh trace ${reply.job}` : '';
  process.stderr.write(`${styleText('dim', timeLine(reply) + hint, { stream: process.stderr })}\n`);
}

/** `boat.png  seed 42  512×512` */
export function pictureLine({ path, image }: SavedPicture): string {
  return `${path}  seed ${image.seed}  ${image.width}×${image.height}`;
}

/** Where the time went. */
export function timeLine({ timings }: GenerateReply): string {
  const seconds = (ms: number): string => (ms / 1000).toFixed(2);
  const { queued_ms, encode_ms, denoise_ms, decode_ms, total_ms } = timings;
  const stages = `queue ${seconds(queued_ms)}, text ${seconds(encode_ms)}, denoise ${seconds(denoise_ms)}, decode ${seconds(decode_ms)}`;
  return `${seconds(total_ms)} s (${stages})`;
}

function resultJson(reply: GenerateReply, pictures: readonly SavedPicture[]): object {
  const images = pictures.map(({ path, image: { seed, width, height, parameters } }) => {
    return { path, seed, width, height, parameters };
  });
  return { ...reply, images };
}

/** sharp takes a while to load: only where there is a terminal to draw in. */
async function preview({ png, image }: SavedPicture): Promise<string> {
  const [{ decodeImage }, { drawInTerminal }] = await Promise.all([
    import('#shared/image/decode.ts'),
    import('#shared/image/terminal.ts'),
  ]);
  return drawInTerminal(await decodeImage(png), Math.min(PREVIEW_COLUMNS, process.stdout.columns, image.width));
}
