/** A picture's figures as a table, folded below it: for those who read rather than look. */
import type { ComponentChildren, JSX } from 'preact';

/** See the head of this file; `children` are its rows. */
export function TableBelow({
  summary,
  heads,
  children,
}: {
  readonly summary: string;
  readonly heads: readonly string[];
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <details>
      <summary>{summary}</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </div>
    </details>
  );
}
