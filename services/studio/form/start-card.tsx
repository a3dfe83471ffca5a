/** The picture to start from, and the part of it that is to change. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { FieldMessage, fieldAttributes } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { PictureZone } from '../parts/picture-zone.tsx';
import { SentPicture } from '../parts/sent-picture.tsx';
import { Slider } from '../parts/slider.tsx';
import { isContinued, NO_START, setStart, start } from '../state/start.ts';
import { DrawingPad } from './drawing-pad.tsx';
import { OutpaintFields, PartFields } from './part-fields.tsx';

/** Of 512: a brush, not a pen. */
const BRUSH_WIDTH = 56;
const MAX_BRUSH_WIDTH = 160;

/** See the head of this file. */
export function StartCard(): JSX.Element {
  const { image, mask, strength } = start.value;
  const isPainting = useSignal(false);
  const toggle = (): void => {
    isPainting.value = !isPainting.value;
    if (!isPainting.value) setStart({ mask: '' });
  };
  const hasPart = mask !== '' || isContinued(start.value);
  return (
    <section class="card" aria-labelledby="start-title">
      <div class="guide-head">
        <h2 id="start-title">Start from a picture</h2>
        {image && <StartTools isPainting={isPainting.value} toggle={toggle} />}
      </div>
      {image && isPainting.value ? <MaskPad /> : <StartZone />}
      <FieldMessage path="init_image" id="field-init-image" />
      {mask && !isPainting.value && <p class="message plain">Only the part of it changes that was painted for it.</p>}
      {image && (
        <>
          <Slider
            path="strength"
            label="How far it may leave it"
            {...{ value: strength, min: 0, max: 1, step: 0.05 }}
            onChange={(value) => setStart({ strength: value })}
          />
          {hasPart && <PartFields />}
          <OutpaintFields />
        </>
      )}
    </section>
  );
}

function StartTools({ isPainting, toggle }: { isPainting: boolean; toggle: () => void }): JSX.Element {
  return (
    <>
      <button type="button" class="quiet" aria-pressed={isPainting} onClick={toggle}>
        <Icon name="brush" /> Only a part
      </button>
      <button
        type="button"
        class="quiet square"
        aria-label="Start from noise"
        onClick={() => {
          if (isPainting) toggle();
          setStart(NO_START);
        }}
      >
        <Icon name="close" />
      </button>
    </>
  );
}

function MaskPad(): JSX.Element {
  const { image, mask } = start.value;
  return (
    <>
      <DrawingPad
        label="Part to change: paint it with pointer or finger"
        lineWidth={BRUSH_WIDTH}
        maxWidth={MAX_BRUSH_WIDTH}
        behind={image}
        onDrawing={(drawn) => setStart({ mask: drawn })}
      />
      {!mask && <p class="dim">Paint over what is to change; the rest stays.</p>}
    </>
  );
}

function StartZone(): JSX.Element {
  const { image } = start.value;
  return (
    <PictureZone
      attributes={fieldAttributes('init_image', 'field-init-image')}
      label="Picture to start from"
      onPicture={(picture) => setStart({ image: picture, mask: '' })}
    >
      {image ? (
        <SentPicture image={image} alt="To start from" />
      ) : (
        <span class="zone-text">
          <Icon name="image" /> Drop a picture, or choose one; without it a picture starts from noise
        </span>
      )}
    </PictureZone>
  );
}
