/** How the part of a picture that changes meets the rest of it; and by how much a picture is continued. */
import type { JSX } from 'preact';
import { MAX_MASK_BLUR, MAX_MASK_PADDING, MAX_OUTPAINT, SIDE_MULTIPLE } from '#shared/contracts/limits.ts';
import type { InpaintFill, Outpaint, ResizeMode } from '#shared/contracts/start.ts';
import { Check } from '../parts/check.tsx';
import { Choice } from '../parts/choice.tsx';
import { Field } from '../parts/field.tsx';
import { Fold } from '../parts/fold.tsx';
import { Slider } from '../parts/slider.tsx';
import { isContinued, setStart, start } from '../state/start.ts';

const FILLS: readonly (readonly [InpaintFill, string])[] = [
  ['original', 'the picture itself'],
  ['fill', 'the colours around it'],
  ['latent_noise', 'noise'],
  ['latent_nothing', 'nothing'],
];
const RESIZE_MODES: readonly (readonly [ResizeMode, string])[] = [
  ['stretch', 'stretched'],
  ['crop', 'cut to the proportions'],
  ['fill', 'its edges continued'],
];
const SIDES: readonly (keyof Outpaint)[] = ['left', 'right', 'top', 'bottom'];

/** What a mask, or a part beyond the edges, is made of. */
export function PartFields(): JSX.Element {
  const { mask, maskBlur, inpaintFill, isOnlyMasked, padding, isMaskInverted, keepUnmasked } = start.value;
  return (
    <>
      <Choice
        path="inpaint_fill"
        label="The part begins as"
        value={inpaintFill}
        options={FILLS}
        onChange={(fill) => setStart({ inpaintFill: fill })}
      />
      <Slider
        path="mask_blur"
        label="Soft edge, pixels"
        {...{ value: maskBlur, min: 0, max: MAX_MASK_BLUR, step: 1 }}
        onChange={(blur) => setStart({ maskBlur: blur })}
      />
      <Fold
        name="More of the part"
        state={[isOnlyMasked && 'close up', isMaskInverted && 'inverted'].filter(Boolean).join(', ')}
      >
        <Check path="inpaint_full_res" isOn={isOnlyMasked} onChange={(isOn) => setStart({ isOnlyMasked: isOn })}>
          Close up: make only the part, at the whole size
        </Check>
        {isOnlyMasked && (
          <Slider
            path="inpaint_full_res_padding"
            label="With so many pixels around it"
            {...{ value: padding, min: 0, max: MAX_MASK_PADDING, step: 4 }}
            onChange={(pixels) => setStart({ padding: pixels })}
          />
        )}
        {mask && (
          <Check path="mask_invert" isOn={isMaskInverted} onChange={(isOn) => setStart({ isMaskInverted: isOn })}>
            Change what is not painted
          </Check>
        )}
        <Check path="keep_unmasked" isOn={keepUnmasked} onChange={(isOn) => setStart({ keepUnmasked: isOn })}>
          Keep every pixel of the rest
        </Check>
      </Fold>
    </>
  );
}

/** Pixels on each side; and how the picture comes to another size. */
export function OutpaintFields(): JSX.Element {
  const { outpaint, resizeMode } = start.value;
  const added = SIDES.filter((side) => outpaint[side] > 0).map((side) => `${side} ${outpaint[side]}`);
  return (
    <Fold name="Continue it beyond its edges" state={isContinued(start.value) ? added.join(', ') : ''}>
      <div class="two">
        {SIDES.map((side) => (
          <Field key={side} path={`outpaint.${side}`} label={`${side[0]!.toUpperCase()}${side.slice(1)}, pixels`}>
            {(attributes) => (
              <input
                {...attributes}
                type="number"
                {...{ min: 0, max: MAX_OUTPAINT, step: SIDE_MULTIPLE, value: outpaint[side] }}
                onInput={({ currentTarget }) =>
                  setStart({ outpaint: { ...outpaint, [side]: Number(currentTarget.value) } })
                }
              />
            )}
          </Field>
        ))}
      </div>
      <Choice
        path="resize_mode"
        label="It comes to another size"
        value={resizeMode}
        options={RESIZE_MODES}
        onChange={(mode) => setStart({ resizeMode: mode })}
      />
    </Fold>
  );
}
