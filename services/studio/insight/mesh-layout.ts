/** Where the actors stand on the map: three columns along the way of a picture. Arithmetic only. */
import type { Heartbeat, Role } from '#shared/contracts/heartbeat.ts';
import type { Flow } from '#shared/contracts/mesh-watch.ts';

/** A box on the map, in its own units. */
export interface MapNode {
  readonly heartbeat: Heartbeat;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A way between two boxes, as an SVG path. */
export interface MapWay {
  readonly key: string;
  readonly path: string;
  readonly flow?: Flow;
}

/** The map. */
export interface MeshMap {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly MapNode[];
  readonly ways: readonly MapWay[];
}

/** Order from top to bottom in each column: what feeds the denoiser stands above or beside it, what it feeds below. */
const COLUMNS: readonly (readonly Role[])[] = [
  ['gateway'],
  ['text-encoder', 'denoiser', 'vae'],
  ['lora', 'controlnet'],
];
/** Who asks whom, drawn thin whether anything flows or not. */
const ASKS: readonly (readonly [Role, Role])[] = [
  ['gateway', 'text-encoder'],
  ['gateway', 'denoiser'],
  ['gateway', 'vae'],
  ['text-encoder', 'lora'],
  ['denoiser', 'lora'],
  ['denoiser', 'controlnet'],
];
const NODE = { width: 118, height: 54 };
const GAP = { x: 44, y: 14, role: 30 };
const MARGIN = 6;
/** What flows there and what flows back keep to their right: two ways, as on a road. */
const FLOW_ASIDE = 6;

/** Lays the instances out; the ways of `flows` are drawn beside the thin ones. */
export function layoutMesh(instances: readonly Heartbeat[], flows: readonly Flow[]): MeshMap {
  const columns = COLUMNS.map((roles) =>
    roles.map((role) => instances.filter((one) => one.role === role).toSorted((a, b) => (a.slot < b.slot ? -1 : 1))),
  );
  const heights = columns.map(columnHeight);
  const height = Math.max(...heights) + 2 * MARGIN;
  const nodes = columns.flatMap((column, i) => placeColumn(column, i, (height - heights[i]!) / 2));
  return {
    width: COLUMNS.length * NODE.width + (COLUMNS.length - 1) * GAP.x + 2 * MARGIN,
    height,
    nodes,
    ways: [...thinWays(nodes), ...flowWays(nodes, flows)],
  };
}

function columnHeight(groups: readonly (readonly Heartbeat[])[]): number {
  const filled = groups.filter((group) => group.length > 0);
  const boxes = filled.reduce((sum, group) => sum + group.length * (NODE.height + GAP.y) - GAP.y, 0);
  return boxes + Math.max(0, filled.length - 1) * GAP.role;
}

function placeColumn(groups: readonly (readonly Heartbeat[])[], column: number, top: number): MapNode[] {
  let y = top;
  return groups.flatMap((group) => {
    const placed = group.map((heartbeat) => {
      const node = { heartbeat, x: MARGIN + column * (NODE.width + GAP.x), y, ...NODE };
      y += NODE.height + GAP.y;
      return node;
    });
    if (group.length > 0) y += GAP.role - GAP.y;
    return placed;
  });
}

function thinWays(nodes: readonly MapNode[]): MapWay[] {
  return ASKS.flatMap(([asking, asked]) =>
    nodes
      .filter(({ heartbeat }) => heartbeat.role === asking)
      .flatMap((from) =>
        nodes
          .filter(({ heartbeat }) => heartbeat.role === asked)
          .map((to) => ({ key: `${from.heartbeat.instance} ${to.heartbeat.instance}`, path: pathBetween(from, to) })),
      ),
  );
}

function flowWays(nodes: readonly MapNode[], flows: readonly Flow[]): MapWay[] {
  const find = (name: string): MapNode | undefined => nodes.find(({ heartbeat }) => heartbeat.instance === name);
  return flows.flatMap((flow) => {
    const [from, to] = [find(flow.from), find(flow.to)];
    if (!from || !to || from === to) return [];
    return [{ key: `${flow.from} ${flow.to} ${flow.kind}`, path: pathBetween(from, to, FLOW_ASIDE), flow }];
  });
}

/** A curve that leaves and arrives at right angles, `aside` to the right of the middle: sideways between columns, upright within one. */
export function pathBetween(from: MapNode, to: MapNode, aside = 0): string {
  const isUpright = from.x === to.x;
  const [a, b] = isUpright ? upright(from, to, aside) : sideways(from, to, aside);
  const middle = isUpright ? (a.y + b.y) / 2 : (a.x + b.x) / 2;
  const [c, d] = isUpright ? [`${a.x} ${middle}`, `${b.x} ${middle}`] : [`${middle} ${a.y}`, `${middle} ${b.y}`];
  return `M${a.x} ${a.y}C${c} ${d} ${b.x} ${b.y}`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function sideways(from: MapNode, to: MapNode, aside: number): [Point, Point] {
  const isRight = to.x > from.x;
  const shift = isRight ? aside : -aside;
  return [
    { x: isRight ? from.x + from.width : from.x, y: from.y + from.height / 2 + shift },
    { x: isRight ? to.x : to.x + to.width, y: to.y + to.height / 2 + shift },
  ];
}

function upright(from: MapNode, to: MapNode, aside: number): [Point, Point] {
  const isDown = to.y > from.y;
  const shift = isDown ? -aside : aside;
  return [
    { x: from.x + from.width / 2 + shift, y: isDown ? from.y + from.height : from.y },
    { x: to.x + to.width / 2 + shift, y: isDown ? to.y : to.y + to.height },
  ];
}
