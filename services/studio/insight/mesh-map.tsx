/** The mesh, live: actors and their devices as a map, with what flows between them just now. */
import type { JSX } from 'preact';
import type { FlowKind } from '#shared/contracts/mesh-watch.ts';
import { connection, missing, report, waiting } from '../state/mesh.ts';
import { ActorTable } from './actor-table.tsx';
import { heldName } from './held-names.ts';
import { names } from './known-names.ts';
import { layoutMesh, type MapNode, type MapWay } from './mesh-layout.ts';
import { bytesText } from './sizes.ts';

const KINDS: readonly FlowKind[] = ['embeddings', 'latents', 'residuals', 'factors', 'pixels'];
const MAX_TITLE_CHARS = 16;

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
            <Actor key={node.heartbeat.instance} node={node} />
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

function Actor({ node: { heartbeat, x, y, width, height } }: { node: MapNode }): JSX.Element {
  const { role, device, load, capacity, holds, leaving } = heartbeat;
  const share = Math.min(1, load / Math.max(1, capacity));
  const held =
    [device, ...holds.map((held) => heldName(held, names.value))].filter((name) => name !== 'none').join(', ') ||
    bytesText(heartbeat.rss_bytes);
  return (
    <g
      class={`actor role-${role}${load > 0 ? ' busy' : ''}${leaving ? ' leaving' : ''}`}
      transform={`translate(${x} ${y})`}
    >
      <title>{`${heartbeat.instance} on ${device}, ${load} of ${capacity}${holds.length ? `, holds ${holds.join(', ')}` : ''}`}</title>
      <rect class="box" width={width} height={height} rx={10} />
      <circle class="dot" cx={14} cy={17} r={4} />
      <text x={25} y={21} class="name">
        {role}
      </text>
      <text x={12} y={37} class="held">
        {cut(held)}
      </text>
      <rect class="load-bed" x={12} y={height - 9} width={width - 24} height={3} rx={1.5} />
      <rect class="load" x={12} y={height - 9} width={(width - 24) * share} height={3} rx={1.5} />
    </g>
  );
}

function cut(text: string): string {
  return text.length > MAX_TITLE_CHARS ? `${text.slice(0, MAX_TITLE_CHARS - 1)}…` : text;
}
