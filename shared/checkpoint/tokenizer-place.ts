/** Where a checkpoint's tokenizer lies: a single file has none, and CLIP's comes with the project. */
import { join } from 'node:path';
import { openSingleFile, placeInFile } from './single-file/single-file.ts';

/** OpenAI's vocabulary, which every text encoder of Stable Diffusion was trained with. */
const CLIP_TOKENIZER = join(import.meta.dirname, '..', '..', 'models', 'clip-tokenizer');
/** What OpenCLIP has behind the end of a prompt: id 0. */
const OPEN_CLIP_PAD = '!';

/** A folder with `vocab.json` and `merges.txt`; `padToken` where its own is not the encoder's. */
export interface TokenizerPlace {
  readonly folder: string;
  readonly padToken?: string;
}

/** folder   `tokenizer`, `tokenizer_2` of a checkpoint; may lead into a single file. @throws MeshError as `openSingleFile` */
export async function tokenizerPlace(folder: string): Promise<TokenizerPlace> {
  const place = placeInFile(folder);
  if (!place) return { folder };
  const { parts } = await openSingleFile(place.file);
  const encoder = parts.get(place.inside === 'tokenizer_2' ? 'text_encoder_2' : 'text_encoder');
  return { folder: CLIP_TOKENIZER, ...(encoder?.isOpenClip && { padToken: OPEN_CLIP_PAD }) };
}
