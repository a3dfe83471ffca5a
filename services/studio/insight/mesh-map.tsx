/** The mesh, live: actors and their devices as a map, with what flows between them just now. */
import type { ComponentChildren, JSX } from 'preact';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import type { FlowKind } from '#shared/contracts/mesh-watch.ts';
import { connection, missing, report, waiting } from '../state/mesh.ts';
import { ActorTable } from './actor-table.tsx';
import { heldName } from './held-names.ts';
import { names } from './known-names.ts';
import { CELLS, layoutMesh, type MapNode, type MapWay, nameOf } from './mesh-layout.ts';
import { bytesText } from './sizes.ts';

const KINDS: readonly FlowKind[] = ['embeddings', 'latents', 'residuals', 'factors', 'pixels'];
const MAX_TITLE_CHARS = 18;

/** See the head of this file. */
export function MeshView(): JSX.Element {
  const { instances, flows, jobs } = report.value;
  const map = layoutMesh(instances, flows);
  const busy = jobs.filter(({ state }) => state === 'running').length;
  return (
    <section class="card insight" aria-labelledby="mesh-title">
      <div class="insight-head">
        <h2 id="mesh-title">The mesh</h2>
        <p class="dim">{busy === 0 && waiting.value === 0 ? 'idle' : `${busy} running, ${waiting.value} waiting`}</p>
      </div>
      {missing.value.length > 0 && (
        <p class="message problem" role="alert">
          No {missing.value.join(', no ')} in the mesh: pictures wait until one is there.
        </p>
      )}
      {instances.length === 0 ? (
        <p class="map-empty dim">
          {connection.value === 'offline' ? 'The gateway does not answer.' : 'Looking for actors …'}
        </p>
      ) : (
        <svg class="map" viewBox={`0 0 ${map.width} ${map.height}`} role="img" aria-labelledby="mesh-title mesh-text">
          <title id="mesh-text">{`${instances.length} actors. The table below tells the same.`}</title>
          {map.ways.map((way) => (
            <Way key={way.key} way={way} />
          ))}
          {map.nodes.map((node) => (
            <Actor key={nameOf(node)} node={node} />
          ))}
        </svg>
      )}
      <ul class="legend" aria-label="What flows">
        {KINDS.map((kind) => (
          <li key={kind} class={`kind-${kind}`}>
            <span class="swatch" aria-hidden="true" />
            {kind}
            <small>{bytesOf(kind)}</small>
          </li>
        ))}
      </ul>
      {instances.length > 0 && <ActorTable instances={instances} />}
    </section>
  );
}

/** What flowed of a kind in the last report. */
function bytesOf(kind: FlowKind): string {
  const bytes = report.value.flows.filter((flow) => flow.kind === kind).reduce((sum, flow) => sum + flow.bytes, 0);
  return bytes === 0 ? '' : bytesText(bytes);
}

function Way({ way: { path, flow } }: { way: MapWay }): JSX.Element {
  if (!flow) return <path class="way" d={path} />;
  const width = Math.min(7, 1.6 + Math.log10(1 + flow.bytes / 4096));
  return (
    <g class={`flow kind-${flow.kind}`}>
      <path class="flow-bed" d={path} stroke-width={width + 3} />
      <path class="flow-dots" d={path} stroke-width={width}>
        <title>{`${flow.kind}, ${bytesText(flow.bytes)}${flow.route ? `, ${flow.route}` : ''}`}</title>
      </path>
    </g>
  );
}

function Actor({ node }: { node: MapNode }): JSX.Element {
  return node.instances.length === 1 ? <OneActor node={node} /> : <ManyActors node={node} />;
}

function OneActor({ node }: { node: MapNode }): JSX.Element {
  const { width, height, instances } = node;
  const { instance, device, load, capacity, holds, rss_bytes } = instances[0]!;
  const held =
    [device, ...holds.map((held) => heldName(held, names.value))].filter((name) => name !== 'none').join(', ') ||
    bytesText(rss_bytes);
  return (
    <ActorBox node={node} held={held}>
      <title>{`${instance} on ${device}, ${load} of ${capacity}${holds.length ? `, holds ${holds.join(', ')}` : ''}`}</title>
      <rect class="load-bed" x={12} y={height - 9} width={width - 24} height={3} rx={1.5} />
      <rect class="load" x={12} y={height - 9} width={(width - 24) * loadShare(instances[0]!)} height={3} rx={1.5} />
    </ActorBox>
  );
}

/** A cell for each, the fuller the busier. */
function ManyActors({ node }: { node: MapNode }): JSX.Element {
  const { instances } = node;
  const busy = instances.filter(({ load }) => load > 0).length;
  return (
    <ActorBox node={node} held={`${instances.length}, ${busy} busy`}>
      {instances.map((one, i) => (
        <rect
          key={one.instance}
          class={one.leaving ? 'cell-of leaving' : 'cell-of'}
          x={CELLS.left + (i % CELLS.perRow) * CELLS.width}
          y={CELLS.top + Math.floor(i / CELLS.perRow) * CELLS.width}
          width={CELLS.width - 2}
          height={CELLS.width - 2}
          rx={2}
          style={{ '--load': loadShare(one) }}
        >
          <title>{`${one.instance} on ${one.device}, ${one.load} of ${one.capacity}`}</title>
        </rect>
      ))}
    </ActorBox>
  );
}

function loadShare({ load, capacity }: Heartbeat): number {
  return Math.min(1, load / Math.max(1, capacity));
}

interface ActorBoxProps {
  readonly node: MapNode;
  readonly held: string;
  readonly children: ComponentChildren;
}

function ActorBox({ node: { role, instances, x, y, width, height }, held, children }: ActorBoxProps): JSX.Element {
  const isBusy = instances.some(({ load }) => load > 0);
  const isLeaving = instances.every(({ leaving }) => leaving);
  return (
    <g
      class={`actor role-${role}${isBusy ? ' busy' : ''}${isLeaving ? ' leaving' : ''}`}
      transform={`translate(${x} ${y})`}
    >
      <rect class="box" width={width} height={height} rx={10} />
      <circle class="dot" cx={16} cy={17} r={4} />
      <text x={27} y={21} class="name">
        {role}
      </text>
      <text x={12} y={37} class="held">
        {cut(held)}
      </text>
      {children}
    </g>
  );
}

function cut(text: string): string {
  return text.length > MAX_TITLE_CHARS ? `${text.slice(0, MAX_TITLE_CHARS - 1)}…` : text;
}
