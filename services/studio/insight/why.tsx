/** Why a job took as long as it did: its time by causes as one bar, and the two sentences of the mesh about it. */
import type { JSX } from 'preact';
import type { ServedWhy } from '../server.ts';

/** What of the time is a cause of its own colour; the rest is grey. */
const COLOURS: Readonly<Record<string, string>> = {
  compute: 'latents',
  controlnet: 'residuals',
  'controlnet load': 'residuals',
  'controlnet wait': 'residuals',
  lora: 'factors',
  transfer: 'embeddings',
  pictures: 'pixels',
};

/** See the head of this file. */
export function Why({ why: { text, shares } }: { why: ServedWhy }): JSX.Element {
  const [what = '', remedy] = text.split(/ (?=What would help most)/);
  return (
    <div class="why">
      <div class="shares" aria-hidden="true">
        {shares.map(({ cause, share }) => (
          <span
            key={cause}
            class={`kind-${COLOURS[cause] ?? 'other'}`}
            style={{ flexGrow: share }}
            title={`${cause}: ${Math.round(share * 100)} %`}
          />
        ))}
      </div>
      <p>{what}</p>
      {remedy && (
        <p class="dim">{remedy.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</p>
      )}
    </div>
  );
}
