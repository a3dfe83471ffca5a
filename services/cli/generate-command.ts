/** `latentmesh generate`: asks for pictures, shows the way there, saves them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { type GenerateFlags, generateRequest, newJobId } from './generate-request.ts';
import { rememberJob } from './last-job.ts';
import { type Mesh, openMesh } from './mesh.ts';
import { pictureFiles } from './picture-files.ts';
import { Progress } from './progress.ts';
import { EXIT } from './report.ts';
import { printResult, type SavedPicture } from './result-text.ts';
import { withStoredImages } from './stored-images.ts';

/** Runs the command. @throws MeshError the mesh's, and those of files */
export async function generate(prompt: string, flags: GenerateFlags): Promise<void> {
  const job = newJobId();
  const request = await generateRequest(prompt, job, flags);
  await mkdir(dirname(flags.output), { recursive: true });
  const mesh = await openMesh({ ...(flags.model && { model: flags.model }), onStart: say });
  try {
    await rememberJob(job);
    const reply = await askForPictures(mesh, job, await withStoredImages(request, mesh.transport));
    const pictures = await savePictures(mesh, reply, flags.output);
    await printResult(reply, pictures, { json: flags.json === true, isTraceable: !mesh.isOwn });
  } finally {
    await mesh.close();
  }
}

async function askForPictures({ client }: Mesh, job: string, request: GenerateInput): Promise<GenerateReply> {
  const progress = new Progress(process.stderr);
  const end = new AbortController();
  const stopWatching = cancelOnSignal(() => {
    progress.end();
    say(`Cancelling job ${job}. Again to leave at once.`);
    end.abort();
  });
  try {
    return await client.generate(request, end.signal, (event) => progress.show(event));
  } finally {
    progress.end();
    stopWatching();
  }
}

/** The first signal cancels, the second one leaves. Returns the way to stop listening. */
function cancelOnSignal(cancel: () => void): () => void {
  let isCancelling = false;
  const onSignal = (): void => {
    if (isCancelling) process.exit(EXIT.interrupted);
    isCancelling = true;
    process.exitCode = EXIT.interrupted;
    cancel();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}

async function savePictures(mesh: Mesh, reply: GenerateReply, pattern: string): Promise<SavedPicture[]> {
  const files = pictureFiles(pattern, { job: reply.job, seeds: reply.images.map(({ seed }) => seed) });
  return Promise.all(
    reply.images.map(async (image, index) => {
      const png = await mesh.client.png(image);
      const path = files[index]!;
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, png);
      return { path, png, image };
    }),
  );
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
