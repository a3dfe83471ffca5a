/** The map in words: every actor with its device, load, memory and what it holds. */
import type { JSX } from 'preact';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import { TableBelow } from '../parts/table-below.tsx';
import { heldName } from './held-names.ts';
import { names } from './known-names.ts';
import { bytesText } from './sizes.ts';

/** See the head of this file. */
export function ActorTable({ instances }: { instances: readonly Heartbeat[] }): JSX.Element {
  return (
    <TableBelow summary="Actors and what they hold" heads={['Actor', 'Device', 'Load', 'Memory', 'Holds']}>
      {instances.map((one) => (
        <tr key={one.instance}>
          <th scope="row">{one.instance}</th>
          <td>{one.device}</td>
          <td>{one.leaving ? 'leaving' : `${one.load}/${one.capacity}`}</td>
          <td>{bytesText(one.rss_bytes)}</td>
          <td>{one.holds.map((held) => heldName(held, names.value)).join(', ') || '–'}</td>
        </tr>
      ))}
    </TableBelow>
  );
}
