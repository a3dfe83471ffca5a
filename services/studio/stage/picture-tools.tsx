/** What can be done with a finished picture. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import type { ServedImage } from '../server.ts';
import { applyParameters, dataUrl } from '../state/dropped-files.ts';
import { setForm, setStart } from '../state/form.ts';
import type { Job } from '../state/job.ts';
import { say } from '../state/notice.ts';
import { compared } from './compare.ts';
import { seconds } from './progress-text.ts';

async function startFrom(url: string): Promise<void> {
  setStart({ image: await dataUrl(await (await fetch(url)).blob()), mask: '' });
  say('The next picture starts from this one. How far it may leave it is in the form.');
}

/** See the head of this file. */
export function PictureTools({ image, job }: { image: ServedImage; job: Job }): JSX.Element {
  const { url, seed, width, height, parameters } = image;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(parameters);
    say('The parameters are copied.');
  };
  return (
    <>
      <div class="tools">
        <span class="tools-text">
          {width} × {height}, seed {seed}
          {job.timings && `, ${seconds(job.timings.total_ms)}`}
        </span>
        <button type="button" class="quiet" onClick={() => applyParameters(parameters, job.sources)}>
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
      <details class="parameters">
        <summary>Parameters</summary>
        <pre>{parameters}</pre>
        {navigator.clipboard && (
          <button type="button" class="quiet" onClick={() => void copy()}>
            <Icon name="copy" /> Copy
          </button>
        )}
      </details>
    </>
  );
}
