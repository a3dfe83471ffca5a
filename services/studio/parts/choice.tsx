/** One of a few names. */
import type { JSX } from 'preact';
import { Field } from './field.tsx';

interface ChoiceProps<Name extends string> {
  readonly path: string;
  readonly label: string;
  readonly value: Name;
  readonly options: readonly (readonly [name: Name, text: string])[];
  readonly onChange: (name: Name) => void;
}

/** See the head of this file. */
export function Choice<Name extends string>(props: ChoiceProps<Name>): JSX.Element {
  const { path, label, value, options, onChange } = props;
  return (
    <Field path={path} label={label}>
      {(attributes) => (
        <select {...attributes} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as Name)}>
          {options.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
