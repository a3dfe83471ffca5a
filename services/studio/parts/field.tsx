/** A labelled control with what is wrong with it. `path` is the field's path in the request, by which errors find it. */
import type { ComponentChildren, JSX } from 'preact';
import { hints, problems } from '../state/problems.ts';

/** What a control needs to be one with its label and its message. */
export interface FieldAttributes {
  readonly id: string;
  readonly 'data-field': string;
  readonly 'aria-invalid': 'true' | 'false';
  readonly 'aria-describedby': string | undefined;
}

interface FieldProps {
  readonly path: string;
  readonly label: string;
  /** Beside the label. */
  readonly aside?: ComponentChildren;
  readonly children: (attributes: FieldAttributes) => ComponentChildren;
}

/** See the head of this file. */
export function Field({ path, label, aside, children }: FieldProps): JSX.Element {
  const id = `field-${path.replaceAll('.', '-')}`;
  const attributes = fieldAttributes(path, id);
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>{label}</label>
        {aside}
      </div>
      {children(attributes)}
      <FieldMessage path={path} id={id} />
    </div>
  );
}

/** The attributes of a control whose label is elsewhere. */
export function fieldAttributes(path: string, id: string): FieldAttributes {
  const hasMessage = problems.value[path] !== undefined || hints.value[path] !== undefined;
  return {
    id,
    'data-field': path,
    'aria-invalid': problems.value[path] === undefined ? 'false' : 'true',
    'aria-describedby': hasMessage ? `${id}-message` : undefined,
  };
}

/** What is wrong with a field, or what the last job told of it. */
export function FieldMessage({ path, id }: { path: string; id: string }): JSX.Element | null {
  const problem = problems.value[path];
  const text = problem ?? hints.value[path];
  if (text === undefined) return null;
  return (
    <p class={problem === undefined ? 'message hint' : 'message problem'} id={`${id}-message`}>
      {text}
    </p>
  );
}
