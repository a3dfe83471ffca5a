/** Two pictures on one place, with a line between them that moves. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import type { ServedImage } from '../server.ts';
import { compared } from './compare.ts';

interface ComparisonProps {
  readonly image: ServedImage;
  readonly other: ServedImage;
  readonly prompt: string;
}

/** See the head of this file. */
export function Comparison({ image, other, prompt }: ComparisonProps): JSX.Element {
  const at = useSignal(50);
  return (
    <>
      <div class="easel comparison" style={{ '--at': `${at.value}%` }}>
        <img class="picture" src={image.url} alt={prompt || 'A picture'} width={image.width} height={image.height} />
        <img class="picture other" src={other.url} alt="The one that it is held against" />
        <span class="comparison-line" aria-hidden="true" />
        <input
          type="range"
          min={0}
          max={100}
          value={at.value}
          aria-label="Line between the two pictures"
          onInput={({ currentTarget }) => {
            at.value = Number(currentTarget.value);
          }}
        />
      </div>
      <div class="tools">
        <span class="tools-text">
          seed {other.seed} | seed {image.seed}
        </span>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            compared.value = undefined;
          }}
        >
          <Icon name="close" /> End comparison
        </button>
      </div>
    </>
  );
}
