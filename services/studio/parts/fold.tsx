/** Fields that few people need, folded away; what they are set to stands beside the name. */
import type { ComponentChildren, JSX } from 'preact';

interface FoldProps {
  readonly name: string;
  /** Empty: as the mesh has it. */
  readonly state?: string;
  readonly children: ComponentChildren;
}

/** See the head of this file. */
export function Fold({ name, state = '', children }: FoldProps): JSX.Element {
  return (
    <details class="fold">
      <summary>
        {name} {state && <small>{state}</small>}
      </summary>
      <div class="fold-fields">{children}</div>
    </details>
  );
}
