/** Everything that was made here, newest first. */
import type { JSX } from 'preact';
import { KeptPicture } from '../parts/kept-picture.tsx';
import { isRunning, type Job } from '../state/job.ts';
import { jobs, selected, selectedId } from '../state/jobs.ts';
import { progressText } from './progress-text.ts';

/** See the head of this file. */
export function History(): JSX.Element | null {
  if (jobs.value.length === 0) return null;
  return (
    <section class="history" aria-labelledby="history-title">
      <h2 id="history-title">History</h2>
      <ul>
        {jobs.value.map((job) => (
          <li key={job.job}>
            <HistoryEntry job={job} isSelected={job.job === selected.value?.job} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function HistoryEntry({ job, isSelected }: { job: Job; isSelected: boolean }): JSX.Element {
  const [image] = job.images;
  const state = isRunning(job) ? progressText(job) : job.state === 'done' ? '' : job.state;
  const done = job.steps > 0 ? job.step / job.steps : 0;
  return (
    <button
      type="button"
      class={`thumb ${job.state}`}
      aria-pressed={isSelected}
      aria-label={[job.prompt || 'No prompt', state].filter(Boolean).join(': ')}
      title={job.prompt}
      onClick={() => {
        selectedId.value = job.job;
      }}
    >
      {image ? (
        <KeptPicture url={image.url} alt="" loading="lazy">
          <Sign job={job} done={done} />
        </KeptPicture>
      ) : (
        <Sign job={job} done={done} />
      )}
      {job.images.length > 1 && <span class="count">{job.images.length}</span>}
    </button>
  );
}

/** A ring that fills, or what the job came to. */
function Sign({ job, done }: { job: Job; done: number }): JSX.Element {
  const [preview] = job.previews;
  return (
    <>
      {preview && <img src={preview} alt="" />}
      <svg viewBox="0 0 24 24" aria-hidden="true">
        {isRunning(job) ? (
          <>
            <circle class="ring" cx="12" cy="12" r="8" />
            <circle class="ring full" cx="12" cy="12" r="8" pathLength="1" stroke-dasharray={`${done} 1`} />
          </>
        ) : (
          <path d={job.state === 'cancelled' ? 'M8 12h8' : 'M12 7v6 M12 16.5h.01'} />
        )}
      </svg>
    </>
  );
}
