/** The picture that is looked at, on its way or finished, with what can be done with it. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { KeptPicture } from '../parts/kept-picture.tsx';
import { isRunning, type Job } from '../state/job.ts';
import { selected } from '../state/jobs.ts';
import { compared } from './compare.ts';
import { Comparison } from './comparison.tsx';
import { EmptyStage } from './empty-stage.tsx';
import { PictureTools } from './picture-tools.tsx';
import { Progress } from './progress.tsx';

/** Warnings of these fields stand at the fields. */
const TOLD_AT_FIELD = /^(?:negative_)?prompt\b/;

/** See the head of this file. */
export function Stage(): JSX.Element {
  const job = selected.value;
  return (
    <section class="stage" aria-label="Picture">
      {job ? <JobStage key={job.job} job={job} /> : <EmptyStage />}
    </section>
  );
}

function JobStage({ job }: { job: Job }): JSX.Element {
  const index = useSignal(0);
  const image = job.images[index.value];
  const other = compared.value;
  if (image && other && other.url !== image.url) return <Comparison image={image} other={other} prompt={job.prompt} />;
  return (
    <>
      <div class="easel">
        <Pictures job={job} index={index.value} />
        {isRunning(job) && <Progress job={job} />}
      </div>
      <Ending job={job} />
      {job.images.length > 1 && (
        <ul class="batch" aria-label="Pictures of this job">
          {job.images.map(({ url, seed }, i) => (
            <li key={url}>
              <button
                type="button"
                aria-label={`Picture ${i + 1}, seed ${seed}`}
                aria-pressed={i === index.value}
                onClick={() => {
                  index.value = i;
                }}
              >
                <img src={url} alt="" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {image && <PictureTools image={image} job={job} index={index.value} />}
    </>
  );
}

/** The finished picture; or what there is of all of them; or paper. */
function Pictures({ job, index }: { job: Job; index: number }): JSX.Element {
  const image = job.images[index];
  if (image)
    return (
      <KeptPicture
        class="picture"
        url={image.url}
        alt={job.prompt || 'A picture'}
        width={image.width}
        height={image.height}
      >
        <p class="gone">This picture is not kept any more. Its settings are: use them again.</p>
      </KeptPicture>
    );
  if (job.previews.length === 0) return <div class={isRunning(job) ? 'paper waiting' : 'paper'} aria-hidden="true" />;
  return (
    <div class="previews" style={{ '--columns': Math.ceil(Math.sqrt(job.previews.length)) }}>
      {job.previews.map((url, i) => (
        <img key={i} class="picture" src={url} alt={`On its way: ${job.prompt}`} />
      ))}
    </div>
  );
}

/** How it ended otherwise than well, and what was not as asked. */
function Ending({ job }: { job: Job }): JSX.Element | null {
  if (job.state === 'cancelled') return <p class="message hint">Cancelled.</p>;
  if (job.state === 'failed') {
    return (
      <p class="message problem" role="alert">
        {job.error?.message ?? 'The job failed.'} <code>{job.error?.code ?? 'INTERNAL'}</code>
      </p>
    );
  }
  const elsewhere = job.warnings.filter(({ field }) => !TOLD_AT_FIELD.test(field));
  if (elsewhere.length === 0) return null;
  return (
    <ul class="warnings">
      {elsewhere.map(({ field, message }) => (
        <li key={field + message} class="message hint">
          {message}
        </li>
      ))}
    </ul>
  );
}
