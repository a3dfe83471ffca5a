/** What can be done with a finished picture. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import type { ServedImage } from '../server.ts';
import { commandText, curlText } from '../state/copy-as.ts';
import { applyJob, dataUrl } from '../state/dropped-files.ts';
import { setForm } from '../state/form.ts';
import { fromRequest } from '../state/from-request.ts';
import type { Job } from '../state/job.ts';
import { say } from '../state/notice.ts';
import { toRequest } from '../state/request.ts';
import { NO_START, setStart } from '../state/start.ts';
import { compared } from './compare.ts';
import { seconds } from './progress-text.ts';

interface PictureProps {
  readonly image: ServedImage;
  readonly job: Job;
  /** Its place among the pictures of the job. */
  readonly index: number;
}

async function startFrom(url: string): Promise<void> {
  setStart({ ...NO_START, image: await dataUrl(await (await fetch(url)).blob()) });
  say('The next picture starts from this one. How far it may leave it is in the form.');
}

async function copy(text: string, what: string): Promise<void> {
  await navigator.clipboard.writeText(text);
  say(`${what} copied.`);
}

/** See the head of this file. */
export function PictureTools({ image, job, index }: PictureProps): JSX.Element {
  const { url, seed, width, height } = image;
  return (
    <>
      <div class="tools">
        <span class="tools-text">
          {width} × {height}, seed {seed}
          {job.timings && `, ${seconds(job.timings.total_ms)}`}
        </span>
        <button type="button" class="quiet" onClick={() => applyJob(job, index)}>
          <Icon name="reuse" /> Use again
        </button>
        <button type="button" class="quiet" onClick={() => void startFrom(url)}>
          <Icon name="image" /> Start from it
        </button>
        <button type="button" class="quiet" onClick={() => setForm({ seed: String(seed), isSeedLocked: true })}>
          <Icon name="lock" /> Hold seed
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            compared.value = image;
            say('Choose another picture below to hold this one against it.');
          }}
        >
          <Icon name="compare" /> Compare
        </button>
        <a class="quiet" href={url} download={`latentmesh-${job.job}-${seed}.png`}>
          <Icon name="download" /> Save
        </a>
      </div>
      <Parameters image={image} job={job} index={index} />
    </>
  );
}

/** How it was made: as A1111 has it, and as a line for a terminal. */
function Parameters({ image: { parameters, seed }, job: { request }, index }: PictureProps): JSX.Element {
  const asked = (): ReturnType<typeof toRequest> => {
    const { form, guides, start } = fromRequest(request!, { index, seed });
    return toRequest(form, guides, start);
  };
  const address = new URL('.', location.href).href;
  return (
    <details class="parameters">
      <summary>Parameters</summary>
      <pre>{parameters}</pre>
      {navigator.clipboard && (
        <div class="row">
          <button type="button" class="quiet" onClick={() => void copy(parameters, 'The parameters are')}>
            <Icon name="copy" /> Copy
          </button>
          {request && (
            <>
              <button
                type="button"
                class="quiet"
                onClick={() => void copy(curlText(asked(), address), 'The line for curl is')}
              >
                <Icon name="terminal" /> As curl
              </button>
              <button type="button" class="quiet" onClick={() => void copy(commandText(asked()), 'The command is')}>
                <Icon name="terminal" /> As command
              </button>
            </>
          )}
        </div>
      )}
    </details>
  );
}
