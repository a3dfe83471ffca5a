/** One ControlNet: its picture and the edges found in it, side by side, and how strongly it acts when. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
import { Choice } from '../parts/choice.tsx';
import { FieldMessage, fieldAttributes } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { PictureZone } from '../parts/picture-zone.tsx';
import { SentPicture } from '../parts/sent-picture.tsx';
import { Slider } from '../parts/slider.tsx';
import { useHint } from '../parts/use-hint.ts';
import { type GuideForm, removeGuide, setGuide } from '../state/form.ts';
import { controlnets } from '../state/mesh.ts';
import { PREPROCESSORS } from '../state/preprocessors.ts';
import { DrawingPad } from './drawing-pad.tsx';

/** Thin as the edges that ControlNets were trained on are, on a sheet of 512. */
const PEN_WIDTH = 6;
const MAX_PEN_WIDTH = 40;

interface GuideProps {
  readonly guide: GuideForm;
  readonly index: number;
}

/** See the head of this file. */
export function GuideCard({ guide, index }: GuideProps): JSX.Element {
  const { key, controlnet, preprocessor } = guide;
  const isDrawing = useSignal(false);
  const path = `controlnets.${index}`;
  const names = [...new Set([...controlnets.value, controlnet])];
  return (
    <fieldset class="guide">
      <legend class="visually-hidden">Guide {index + 1}</legend>
      <div class="guide-head">
        <select
          {...fieldAttributes(`${path}.controlnet`, `guide-${key}-name`)}
          aria-label="ControlNet"
          value={controlnet}
          onChange={({ currentTarget }) => setGuide(key, { controlnet: currentTarget.value })}
        >
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <button
          type="button"
          class="quiet"
          aria-pressed={isDrawing.value}
          onClick={() => {
            isDrawing.value = !isDrawing.value;
          }}
        >
          <Icon name="pen" /> Draw
        </button>
        <button
          type="button"
          class="quiet square"
          aria-label={`Remove guide ${index + 1}`}
          onClick={() => removeGuide(key)}
        >
          <Icon name="close" />
        </button>
      </div>
      <FieldMessage path={`${path}.controlnet`} id={`guide-${key}-name`} />
      {isDrawing.value ? (
        <DrawingPad
          label="Drawing, white on black: draw with pointer or finger"
          lineWidth={PEN_WIDTH}
          maxWidth={MAX_PEN_WIDTH}
          onDrawing={(image) => setGuide(key, { image, preprocessor: 'none' })}
        />
      ) : (
        <GuidePictures guide={guide} path={path} />
      )}
      <Choice
        path={`${path}.preprocessor`}
        label="The picture is"
        value={preprocessor}
        options={Object.entries(PREPROCESSORS) as [Preprocessor, string][]}
        onChange={(name) => setGuide(key, { preprocessor: name })}
      />
      {preprocessor === 'canny' && <Thresholds guide={guide} path={path} />}
      <Strength guide={guide} path={path} />
    </fieldset>
  );
}

function GuidePictures({ guide, path }: { guide: GuideForm; path: string }): JSX.Element {
  const hint = useHint(guide.preprocessor === 'none' ? { ...guide, image: '' } : guide);
  const attributes = fieldAttributes(`${path}.image`, `guide-${guide.key}-image`);
  return (
    <>
      <div class="pair">
        <PictureZone
          attributes={attributes}
          label="Picture of the guide"
          onPicture={(image) => setGuide(guide.key, { image })}
        >
          {guide.image ? (
            <SentPicture image={guide.image} alt="The guide" />
          ) : (
            <span class="zone-text">
              <Icon name="image" /> Drop a picture, or choose one
            </span>
          )}
        </PictureZone>
        {guide.preprocessor !== 'none' && (
          <output class="zone edges" aria-label="What will guide">
            {hint.url ? <img src={hint.url} alt="Made of the guide" /> : <span class="zone-text">{hint.text}</span>}
          </output>
        )}
      </div>
      <FieldMessage path={`${path}.image`} id={`guide-${guide.key}-image`} />
    </>
  );
}

function Thresholds({ guide: { key, cannyLow, cannyHigh }, path }: { guide: GuideForm; path: string }): JSX.Element {
  const range = { min: 0, max: 500, step: 5 };
  return (
    <div class="two">
      <Slider
        path={`${path}.canny_low`}
        label="Weak edges"
        value={cannyLow}
        {...range}
        onChange={(low) => setGuide(key, { cannyLow: low, cannyHigh: Math.max(low, cannyHigh) })}
      />
      <Slider
        path={`${path}.canny_high`}
        label="Strong edges"
        value={cannyHigh}
        {...range}
        onChange={(high) => setGuide(key, { cannyHigh: high, cannyLow: Math.min(high, cannyLow) })}
      />
    </div>
  );
}

function Strength({ guide: { key, scale, start, end }, path }: { guide: GuideForm; path: string }): JSX.Element {
  const part = { min: 0, max: 1, step: 0.05 };
  return (
    <>
      <Slider
        path={`${path}.controlnet_conditioning_scale`}
        label="Strength"
        {...{ value: scale, min: 0, max: 2, step: 0.05 }}
        onChange={(value) => setGuide(key, { scale: value })}
      />
      <div class="two">
        <Slider
          path={`${path}.control_guidance_start`}
          label="From"
          value={start}
          {...part}
          onChange={(value) => setGuide(key, { start: value })}
        />
        <Slider
          path={`${path}.control_guidance_end`}
          label="To"
          value={end}
          {...part}
          onChange={(value) => setGuide(key, { end: value })}
        />
      </div>
    </>
  );
}
