/** A place for a picture: drop, choose, or paste one into it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { dataUrl } from '../state/dropped-files.ts';
import { say } from '../state/notice.ts';
import type { FieldAttributes } from './field.tsx';

interface PictureZoneProps {
  readonly attributes: FieldAttributes;
  readonly label: string;
  readonly onPicture: (dataUrl: string) => void;
  readonly children: ComponentChildren;
}

/** See the head of this file. */
export function PictureZone({ attributes, label, onPicture, children }: PictureZoneProps): JSX.Element {
  const isOver = useSignal(false);
  const take = async (file: File | undefined): Promise<void> => {
    isOver.value = false;
    if (!file) return;
    if (file.type.startsWith('image/')) onPicture(await dataUrl(file));
    else say(`${file.name} is no picture.`);
  };
  return (
    <label
      class={isOver.value ? 'zone over' : 'zone'}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => {
        isOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <input
        {...attributes}
        class="visually-hidden"
        type="file"
        accept="image/png,image/jpeg,image/webp,image/avif,image/gif"
        aria-label={label}
        onPaste={({ clipboardData }) => void take(clipboardData?.files[0])}
        onChange={({ currentTarget }) => {
          void take(currentTarget.files?.[0]);
          currentTarget.value = '';
        }}
      />
      {children}
    </label>
  );
}
