/** A finished picture, as long as the mesh keeps it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';

interface KeptPictureProps {
  readonly url: string;
  readonly alt: string;
  readonly class?: string;
  /** Pixels, so that its place is kept before it comes. */
  readonly width?: number;
  readonly height?: number;
  readonly loading?: 'lazy';
  /** What stands there when it is gone. */
  readonly children: ComponentChildren;
}

/** See the head of this file. */
export function KeptPicture({ url, alt, children, ...attributes }: KeptPictureProps): JSX.Element {
  const goneUrl = useSignal('');
  if (goneUrl.value === url) return <>{children}</>;
  return (
    <img
      {...attributes}
      alt={alt}
      src={url}
      onError={() => {
        goneUrl.value = url;
      }}
    />
  );
}
