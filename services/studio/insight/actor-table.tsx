/** The map in words: every actor with its device, load, memory and what it holds. */
import type { JSX } from 'preact';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import { heldName } from './held-names.ts';
import { names } from './known-names.ts';
import { bytesText } from './sizes.ts';

/** See the head of this file. */
export function ActorTable({ instances }: { instances: readonly Heartbeat[] }): JSX.Element {
  return (
    <details>
      <summary>Actors and what they hold</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Actor</th>
              <th scope="col">Device</th>
              <th scope="col">Load</th>
              <th scope="col">Memory</th>
              <th scope="col">Holds</th>
            </tr>
          </thead>
          <tbody>
            {instances.map((one) => (
              <tr key={one.instance}>
                <th scope="row">{one.instance}</th>
                <td>{one.device}</td>
                <td>{one.leaving ? 'leaving' : `${one.load}/${one.capacity}`}</td>
                <td>{bytesText(one.rss_bytes)}</td>
                <td>{one.holds.map((held) => heldName(held, names.value)).join(', ') || '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
