/** What a PNG says of its making, in the form of /sdapi/v1/png-info. */
import { MeshError } from '#shared/errors/errors.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { PARAMETERS_KEYWORD } from '#shared/image/png.ts';
import { readPngText } from '#shared/image/png-text.ts';

/** `info` is empty for a PNG that says nothing. @throws MeshError INVALID_IMAGE */
export function pngInfo(image: string): object {
  const bytes = Buffer.from(image.replace(/^data:[^,]*,/, ''), 'base64');
  const texts = readPngText(bytes);
  const info = texts.get(PARAMETERS_KEYWORD) ?? '';
  return { info, items: Object.fromEntries(texts), parameters: info === '' ? {} : parametersOf(info) };
}

/** By the web UI's names; what is no text of parameters is told as it is, without them. */
function parametersOf(info: string): object {
  try {
    const {
      prompt,
      negativePrompt = '',
      steps,
      sampler,
      scheduleType,
      cfgScale,
      seed,
      width,
      height,
      model,
    } = parseInfotext(info);
    return {
      Prompt: prompt,
      'Negative prompt': negativePrompt,
      Steps: String(steps),
      Sampler: sampler,
      ...(scheduleType !== undefined && { 'Schedule type': scheduleType }),
      'CFG scale': String(cfgScale),
      Seed: String(seed),
      'Size-1': String(width),
      'Size-2': String(height),
      ...(model !== undefined && { Model: model }),
    };
  } catch (thrown) {
    if (MeshError.from(thrown).code === 'INVALID_REQUEST') return {};
    throw thrown;
  }
}
