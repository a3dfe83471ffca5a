/** Files that are dropped on the page: a PNG that holds its parameters sets the form, wherever it falls. */
import { signal } from '@preact/signals';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { addGuide, form, guides } from './form.ts';
import { fromInfotext } from './from-infotext.ts';
import { fromRequest } from './from-request.ts';
import type { Job } from './job.ts';
import { controlnets, loras, samplers, schedules } from './mesh.ts';
import { say } from './notice.ts';
import { readPngText } from './png-text.ts';
import { hints, problems } from './problems.ts';
import { NO_START, start } from './start.ts';

/** Whether a file is held over the page just now. */
export const isFileOver = signal(false);

/** Takes files from now on; zones of their own take theirs first. */
export function watchFiles(): void {
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    isFileOver.value = true;
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (!relatedTarget) isFileOver.value = false;
  });
  document.addEventListener('drop', (event) => {
    isFileOver.value = false;
    const [file] = event.dataTransfer?.files ?? [];
    if (!file || event.defaultPrevented) return;
    event.preventDefault();
    void applyFile(file);
  });
}

/** Sets the form as a picture's file says; a picture without parameters becomes a guide. */
export async function applyFile(file: File): Promise<void> {
  const parameters = await readPngText(new Uint8Array(await file.arrayBuffer()), 'parameters').catch(() => undefined);
  if (parameters !== undefined) return applyParameters(parameters);
  const [controlnet] = controlnets.value;
  if (!file.type.startsWith('image/')) return say(`${file.name} is no picture.`);
  if (!controlnet) return say(`${file.name} holds no parameters, and this mesh has no ControlNet to guide with.`);
  addGuide(controlnet, { image: await dataUrl(file) });
  say('The picture holds no parameters: it is a guide for the next one.');
}

/** Sets the form as one of a job's pictures was asked for, with the pictures that it was given while the mesh keeps them. */
export function applyJob({ request, images }: Job, index: number): void {
  const { seed, parameters } = images[index]!;
  if (!request) {
    applyParameters(parameters);
    return;
  }
  const made = fromRequest(request, { index, seed });
  form.value = made.form;
  guides.value = made.guides;
  start.value = made.start;
  problems.value = {};
  hints.value = {};
  say('The form is as it was for that picture.');
}

/** Sets the form from A1111's text. */
export function applyParameters(text: string): void {
  try {
    const made = fromInfotext(parseInfotext(text), {
      samplers: samplers.value,
      schedules: schedules.value,
      loras: loras.value,
    });
    form.value = made.form;
    guides.value = made.guides.map((guide, key) => ({ ...guide, key }));
    start.value = NO_START;
    problems.value = {};
    hints.value = {};
    const lacking = made.missing.length > 0 ? ` This mesh lacks ${made.missing.join(', ')}.` : '';
    const pictures = guides.value.some(({ image }) => !image) ? ' Its guide needs its picture again.' : '';
    say(`The form is as it was for that picture.${pictures}${lacking}`);
  } catch (thrown) {
    say((thrown as Error).message);
  }
}

/** A file as a data URL. */
export function dataUrl(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
