/** The seed: at random for each picture, or held. */
import type { JSX } from 'preact';
import { Field } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { form, setForm } from '../state/form.ts';
import { drawSeed } from '../state/request.ts';

/** See the head of this file. */
export function SeedField(): JSX.Element {
  const { seed, isSeedLocked } = form.value;
  const lock = (): void =>
    setForm(isSeedLocked ? { isSeedLocked: false } : { isSeedLocked: true, seed: seed || String(drawSeed()) });
  return (
    <Field path="seed" label="Seed">
      {(attributes) => (
        <div class="row">
          <input
            {...attributes}
            inputMode="numeric"
            autocomplete="off"
            placeholder="at random"
            value={isSeedLocked ? seed : ''}
            onInput={({ currentTarget: { value } }) => setForm({ seed: value, isSeedLocked: value !== '' })}
          />
          <button
            type="button"
            class="quiet square"
            aria-label="Draw a seed and hold it"
            onClick={() => setForm({ seed: String(drawSeed()), isSeedLocked: true })}
          >
            <Icon name="dice" />
          </button>
          <button
            type="button"
            class="quiet square"
            aria-label="Hold the seed"
            aria-pressed={isSeedLocked}
            onClick={lock}
          >
            <Icon name={isSeedLocked ? 'lock' : 'unlock'} />
          </button>
        </div>
      )}
    </Field>
  );
}
