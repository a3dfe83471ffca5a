/** How the picture is made: steps, guidance, sampler, size, seed, how many; and, folded, what few people touch. */
import type { JSX } from 'preact';
import { MAX_BATCH, MAX_SIDE, MAX_STEPS, MIN_SIDE, SIDE_MULTIPLE } from '#shared/contracts/limits.ts';
import { Field, FieldMessage, fieldAttributes } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Slider } from '../parts/slider.tsx';
import { form, setForm } from '../state/form.ts';
import { samplers, schedules } from '../state/mesh.ts';
import { AdvancedFields, HiresFields, SpeedFields, VariationFields } from './rare-settings.tsx';
import { SeedField } from './seed-field.tsx';

/** Where the sliders end that could go on: beyond it pictures burn. */
const SHOWN_GUIDANCE = 20;
const SHOWN_STEPS = 60;

/** See the head of this file. */
export function Settings(): JSX.Element {
  const { steps, guidanceScale, batch } = form.value;
  return (
    <section class="card" aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      <div class="two">
        <Slider
          path="steps"
          label="Steps"
          {...{ value: steps, min: 1, max: Math.min(MAX_STEPS, Math.max(SHOWN_STEPS, steps)), step: 1 }}
          onChange={(value) => setForm({ steps: value })}
        />
        <Slider
          path="guidance_scale"
          label="Guidance"
          {...{ value: guidanceScale, min: 0, max: Math.max(SHOWN_GUIDANCE, guidanceScale), step: 0.5 }}
          onChange={(value) => setForm({ guidanceScale: value })}
        />
      </div>
      <div class="two">
        <NameField path="sampler" label="Sampler" names={samplers.value} none="The model’s own" />
        <NameField path="schedule" label="Schedule" names={schedules.value} none="The sampler’s own" />
      </div>
      <SizeFields />
      <SeedField />
      <Slider
        path="batch"
        label="Pictures"
        {...{ value: batch, min: 1, max: MAX_BATCH, step: 1 }}
        onChange={(value) => setForm({ batch: value })}
      />
      <div class="folds">
        <SpeedFields />
        <HiresFields />
        <VariationFields />
        <AdvancedFields />
      </div>
    </section>
  );
}

interface NameFieldProps {
  readonly path: 'sampler' | 'schedule';
  readonly label: string;
  readonly names: readonly string[];
  /** What stands for no name. */
  readonly none: string;
}

/** One of the mesh's names, or none. */
function NameField({ path, label, names, none }: NameFieldProps): JSX.Element {
  return (
    <Field path={path} label={label}>
      {(attributes) => (
        <select
          {...attributes}
          value={form.value[path]}
          onChange={({ currentTarget }) => setForm({ [path]: currentTarget.value })}
        >
          <option value="">{none}</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
    </Field>
  );
}

function SizeFields(): JSX.Element {
  const { width, height } = form.value;
  const side = (name: 'width' | 'height', label: string): JSX.Element => (
    <input
      {...fieldAttributes(name, `field-${name}`)}
      type="number"
      aria-label={label}
      placeholder="auto"
      {...{ min: MIN_SIDE, max: MAX_SIDE, step: SIDE_MULTIPLE }}
      value={form.value[name]}
      onInput={({ currentTarget }) => setForm({ [name]: currentTarget.value })}
    />
  );
  return (
    <fieldset class="field size">
      <legend>Size, pixels</legend>
      <div class="row">
        {side('width', 'Width, pixels')}
        <button
          type="button"
          class="quiet square"
          aria-label="Swap width and height"
          onClick={() => setForm({ width: height, height: width })}
        >
          <Icon name="swap" />
        </button>
        {side('height', 'Height, pixels')}
      </div>
      <FieldMessage path="width" id="field-width" />
      <FieldMessage path="height" id="field-height" />
    </fieldset>
  );
}
