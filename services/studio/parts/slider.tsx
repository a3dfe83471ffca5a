/** A number on a slider, with the same number to type. */
import type { JSX, TargetedEvent } from 'preact';
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
export function Slider({ path, label, value, min, max, step, onChange }: SliderProps): JSX.Element {
  const hear = ({ currentTarget }: TargetedEvent<HTMLInputElement>): void => {
    if (currentTarget.value !== '') onChange(Number(currentTarget.value));
  };
  const number = (
    <input
      type="number"
      class="number"
      aria-label={`${label}, as a number`}
      {...{ value, min, max, step }}
      onChange={hear}
    />
  );
  return (
    <Field path={path} label={label} aside={number}>
      {(attributes) => (
        <input
          {...attributes}
          type="range"
          style={{ '--filled': `${(100 * (Math.min(max, Math.max(min, value)) - min)) / (max - min)}%` }}
          {...{ value, min, max, step }}
          onInput={hear}
        />
      )}
    </Field>
  );
}
