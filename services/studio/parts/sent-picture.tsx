/** A picture of a request: the browser's own, or one that the mesh keeps from an earlier job (`object:…`). */
import type { JSX } from 'preact';
import { storedName } from '#shared/contracts/stored-image.ts';
import { useHint } from './use-hint.ts';

interface SentPictureProps {
  readonly image: string;
  readonly alt: string;
  /** Hears of its pixels once it is there. */
  readonly onSize?: (size: { readonly width: number; readonly height: number }) => void;
}

/** See the head of this file. */
export function SentPicture({ image, alt, onSize }: SentPictureProps): JSX.Element {
  const isKept = storedName(image) !== undefined;
  const kept = useHint({ image: isKept ? image : '', preprocessor: 'none', cannyLow: 0, cannyHigh: 0 });
  const url = isKept ? kept.url : image;
  if (!url) return <span class="zone-text">{kept.text}</span>;
  return (
    <img
      src={url}
      alt={alt}
      onLoad={({ currentTarget }) =>
        onSize?.({ width: currentTarget.naturalWidth, height: currentTarget.naturalHeight })
      }
    />
  );
}
