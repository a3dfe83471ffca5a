/** A box to tick, with its words. */
import type { ComponentChildren, JSX } from 'preact';
import { FieldMessage, fieldAttributes } from './field.tsx';

interface CheckProps {
  readonly path: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly children: ComponentChildren;
}

/** See the head of this file. */
export function Check({ path, isOn, onChange, children }: CheckProps): JSX.Element {
  const id = `field-${path}`;
  return (
    <>
      <label class="check">
        <input
          {...fieldAttributes(path, id)}
          type="checkbox"
          checked={isOn}
          onChange={({ currentTarget }) => onChange(currentTarget.checked)}
        />
        {children}
      </label>
      <FieldMessage path={path} id={id} />
    </>
  );
}
