/** Settings that few people touch, by what they are for: speed, variations of a picture, a larger one, and the rest. */
import type { JSX } from 'preact';
import { MAX_CLIP_SKIP, MAX_STEPS } from '#shared/contracts/limits.ts';
import { Check } from '../parts/check.tsx';
import { Choice } from '../parts/choice.tsx';
import { Field } from '../parts/field.tsx';
import { Fold } from '../parts/fold.tsx';
import { Slider } from '../parts/slider.tsx';
import { type Form, form, guides, setForm } from '../state/form.ts';
import { HIRES_UPSCALERS } from '../state/from-infotext.ts';

const PRESETS: readonly (readonly [Form['preset'], string])[] = [
  ['exact', 'exact: every step whole'],
  ['fast', 'fast: nearly the same, much sooner'],
  ['own', 'by the figures below'],
];
const ENTERS: readonly (readonly [Form['loraStart'], string])[] = [
  ['exact', 'before the first step'],
  ['at_step', 'at one step'],
  ['max_steps', 'as soon as they are there, at one step at the latest'],
];
const MAX_HIRES_SCALE = 4;
/** Deeper branches than any UNet of today has end in an error that names the last one. */
const MAX_BRANCH = 7;

/** Steps in part. */
export function SpeedFields(): JSX.Element {
  const { preset, cacheInterval, cacheBranch, cacheStart, cacheEnd, controlnetEvery } = form.value;
  return (
    <Fold name="Speed" state={preset === 'exact' ? '' : preset}>
      <Choice
        path="preset"
        label="The picture is"
        value={preset}
        options={PRESETS}
        onChange={(name) => setForm({ preset: name })}
      />
      {preset === 'own' && (
        <div class="two">
          <Slider
            path="deep_cache.cache_interval"
            label="Whole, every"
            {...{ value: cacheInterval, min: 2, max: 10, step: 1 }}
            onChange={(value) => setForm({ cacheInterval: value })}
          />
          <Slider
            path="deep_cache.cache_branch_id"
            label="Depth of the rest"
            {...{ value: cacheBranch, min: 0, max: MAX_BRANCH, step: 1 }}
            onChange={(value) => setForm({ cacheBranch: value })}
          />
          <Slider
            path="deep_cache.cache_start"
            label="From"
            {...{ value: cacheStart, min: 0, max: 1, step: 0.05 }}
            onChange={(value) => setForm({ cacheStart: value })}
          />
          <Slider
            path="deep_cache.cache_end"
            label="To"
            {...{ value: cacheEnd, min: 0, max: 1, step: 0.05 }}
            onChange={(value) => setForm({ cacheEnd: value })}
          />
        </div>
      )}
      {guides.value.length > 0 && (
        <Slider
          path="controlnet_every"
          label="Steps that one answer of the guides is for"
          {...{ value: controlnetEvery, min: 1, max: 10, step: 1 }}
          onChange={(value) => setForm({ controlnetEvery: value })}
        />
      )}
    </Fold>
  );
}

/** Between two seeds. */
export function VariationFields(): JSX.Element {
  const { subseed, subseedStrength } = form.value;
  return (
    <Fold name="Variation" state={subseedStrength > 0 ? `${Math.round(subseedStrength * 100)} %` : ''}>
      <Slider
        path="subseed_strength"
        label="How far towards another seed"
        {...{ value: subseedStrength, min: 0, max: 1, step: 0.05 }}
        onChange={(value) => setForm({ subseedStrength: value })}
      />
      <Field path="subseed" label="That seed">
        {(attributes) => (
          <input
            {...attributes}
            inputMode="numeric"
            autocomplete="off"
            placeholder="at random"
            value={subseed}
            onInput={({ currentTarget }) => setForm({ subseed: currentTarget.value })}
          />
        )}
      </Field>
    </Fold>
  );
}

/** A second run. */
export function HiresFields(): JSX.Element {
  const { hiresScale, hiresStrength, hiresSteps, hiresUpscaler, steps } = form.value;
  return (
    <Fold name="Larger, in a second run" state={hiresScale > 1 ? `× ${hiresScale}` : ''}>
      <Slider
        path="hires.scale"
        label="Times as large"
        {...{ value: hiresScale, min: 1, max: MAX_HIRES_SCALE, step: 0.25 }}
        onChange={(value) => setForm({ hiresScale: value })}
      />
      {hiresScale > 1 && (
        <>
          <Slider
            path="hires.strength"
            label="How far it may leave the first"
            {...{ value: hiresStrength, min: 0.05, max: 1, step: 0.05 }}
            onChange={(value) => setForm({ hiresStrength: value })}
          />
          <div class="two">
            <Choice
              path="hires.upscaler"
              label="Enlarged by"
              value={hiresUpscaler}
              options={HIRES_UPSCALERS}
              onChange={(name) => setForm({ hiresUpscaler: name })}
            />
            <Field path="hires.steps" label="Steps">
              {(attributes) => (
                <input
                  {...attributes}
                  type="number"
                  placeholder={String(steps)}
                  {...{ min: 1, max: MAX_STEPS, value: hiresSteps }}
                  onInput={({ currentTarget }) => setForm({ hiresSteps: currentTarget.value })}
                />
              )}
            </Field>
          </div>
        </>
      )}
    </Fold>
  );
}

/** The rest. */
export function AdvancedFields(): JSX.Element {
  const { clipSkip, guidanceRescale, guessMode, loraStart, loraStep, steps } = form.value;
  return (
    <Fold name="Advanced">
      <div class="two">
        <Slider
          path="clip_skip"
          label="Clip skip"
          {...{ value: clipSkip, min: 1, max: MAX_CLIP_SKIP, step: 1 }}
          onChange={(value) => setForm({ clipSkip: value })}
        />
        <Slider
          path="guidance_rescale"
          label="Rescale"
          {...{ value: guidanceRescale, min: 0, max: 1, step: 0.05 }}
          onChange={(value) => setForm({ guidanceRescale: value })}
        />
      </div>
      <Choice
        path="lora_start"
        label="Styles enter"
        value={loraStart}
        options={ENTERS}
        onChange={(name) => setForm({ loraStart: name })}
      />
      {loraStart !== 'exact' && (
        <Slider
          path={`lora_start.${loraStart}`}
          label="Step, from 0"
          {...{ value: loraStep, min: 0, max: Math.max(0, steps - 1), step: 1 }}
          onChange={(value) => setForm({ loraStep: value })}
        />
      )}
      <Check path="guess_mode" isOn={guessMode} onChange={(isOn) => setForm({ guessMode: isOn })}>
        Guides act without the prompt
      </Check>
    </Fold>
  );
}
