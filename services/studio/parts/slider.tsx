/** A number on a slider, with the same number to type. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Field } from './field.tsx';

interface SliderProps {
  readonly path: string;
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onChange: (value: number) => void;
}

/** See the head of this file. */
export function Slider(props: SliderProps): JSX.Element {
  const { path, label, value, min, max, step, onChange } = props;
  return (
    <Field path={path} label={label} aside={<TypedNumber {...props} />}>
      {(attributes) => (
        <input
          {...attributes}
          type="range"
          style={{ '--filled': `${(100 * (Math.min(max, Math.max(min, value)) - min)) / (max - min)}%` }}
          {...{ value, min, max, step }}
          onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
        />
      )}
    </Field>
  );
}

/** While somebody types, what stands there is theirs: "0." is on its way to 0.5. */
function TypedNumber({ label, value, min, max, step, onChange }: SliderProps): JSX.Element {
  const typed = useSignal<string | undefined>(undefined);
  return (
    <input
      type="number"
      class="number"
      aria-label={`${label}, as a number`}
      value={typed.value ?? value}
      {...{ min, max, step }}
      onInput={({ currentTarget }) => {
        typed.value = currentTarget.value;
        if (currentTarget.value !== '') onChange(Number(currentTarget.value));
      }}
      onBlur={() => {
        typed.value = undefined;
      }}
    />
  );
}
