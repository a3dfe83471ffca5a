/** A picture of a request: the browser's own, or one that the mesh keeps from an earlier job (`object:…`). */
import type { JSX } from 'preact';
import { useHint } from './use-hint.ts';

/** See the head of this file. */
export function SentPicture({ image, alt }: { image: string; alt: string }): JSX.Element {
  const isKept = image.startsWith('object:');
  const kept = useHint({ image: isKept ? image : '', preprocessor: 'none', cannyLow: 0, cannyHigh: 0 });
  const url = isKept ? kept.url : image;
  return url ? <img src={url} alt={alt} /> : <span class="zone-text">{kept.text}</span>;
}
