/** The picture to start from, and the part of it that is to change. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { FieldMessage, fieldAttributes } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { PictureZone } from '../parts/picture-zone.tsx';
import { SentPicture } from '../parts/sent-picture.tsx';
import { Slider } from '../parts/slider.tsx';
import { setStart, start } from '../state/form.ts';
import { DrawingPad } from './drawing-pad.tsx';

/** Of 256: a brush, not a pen. */
const BRUSH_WIDTH = 28;

/** See the head of this file. */
export function StartCard(): JSX.Element {
  const { image, mask, strength } = start.value;
  const isPainting = useSignal(false);
  const toggle = (): void => {
    isPainting.value = !isPainting.value;
    if (!isPainting.value) setStart({ mask: '' });
  };
  return (
    <section class="card" aria-labelledby="start-title">
      <div class="guide-head">
        <h2 id="start-title">Start from a picture</h2>
        {image && (
          <>
            <button type="button" class="quiet" aria-pressed={isPainting.value} onClick={toggle}>
              <Icon name="pen" /> Only a part
            </button>
            <button
              type="button"
              class="quiet square"
              aria-label="Start from noise"
              onClick={() => setStart({ image: '', mask: '' })}
            >
              <Icon name="close" />
            </button>
          </>
        )}
      </div>
      {image && isPainting.value ? (
        <>
          <DrawingPad
            label="Part to change: paint it with pointer or finger"
            lineWidth={BRUSH_WIDTH}
            behind={image}
            onDrawing={(drawn) => setStart({ mask: drawn })}
          />
          {!mask && <p class="dim">Paint over what is to change; the rest stays.</p>}
        </>
      ) : (
        <PictureZone
          attributes={fieldAttributes('init_image', 'field-init-image')}
          label="Picture to start from"
          onPicture={(picture) => setStart({ image: picture, mask: '' })}
        >
          {image ? <SentPicture image={image} alt="To start from" /> : <StartHint />}
        </PictureZone>
      )}
      <FieldMessage path="init_image" id="field-init-image" />
      {image && (
        <Slider
          path="strength"
          label="How far it may leave it"
          {...{ value: strength, min: 0, max: 1, step: 0.05 }}
          onChange={(value) => setStart({ strength: value })}
        />
      )}
    </section>
  );
}

function StartHint(): JSX.Element {
  return (
    <span class="zone-text">
      <Icon name="image" /> Drop a picture, or choose one; without it a picture starts from noise
    </span>
  );
}
