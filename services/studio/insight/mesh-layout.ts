/** Where the actors stand on the map: three columns along the way of a picture. Arithmetic only. */
import type { Heartbeat, Role } from '#shared/contracts/heartbeat.ts';
import type { Flow } from '#shared/contracts/mesh-watch.ts';

/** A box on the map, in its own units: one actor, or all of a role where they are many. */
export interface MapNode {
  readonly role: Role;
  readonly instances: readonly Heartbeat[];
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
const NODE = { width: 128, height: 54 };
const GAP = { x: 40, y: 14, role: 30 };
const MARGIN = 6;
/** More actors of a role than this are drawn as one box, with a cell for each. */
const MOST_BOXES = 3;
/** Cells of such a box. */
export const CELLS = { width: 9.4, perRow: 11, top: 46, left: 12 } as const;
/** What flows there and what flows back keep to their right: two ways, as on a road. */
const FLOW_ASIDE = 6;

/** Lays the instances out; the ways of `flows` are drawn beside the thin ones. */
export function layoutMesh(instances: readonly Heartbeat[], flows: readonly Flow[]): MeshMap {
  const columns = COLUMNS.map((roles) =>
    roles.map((role) =>
      boxesOf(
        role,
        instances.filter((one) => one.role === role).toSorted((a, b) => (a.slot < b.slot ? -1 : 1)),
      ),
    ),
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

type Box = Pick<MapNode, 'role' | 'instances' | 'height'>;

function boxesOf(role: Role, instances: readonly Heartbeat[]): readonly Box[] {
  if (instances.length <= MOST_BOXES) return instances.map((one) => ({ role, instances: [one], height: NODE.height }));
  const rows = Math.ceil(instances.length / CELLS.perRow);
  return [{ role, instances, height: CELLS.top + rows * CELLS.width + CELLS.left }];
}

function columnHeight(groups: readonly (readonly Box[])[]): number {
  const filled = groups.filter((group) => group.length > 0);
  const boxes = filled.map((group) => group.reduce((sum, { height }) => sum + height + GAP.y, -GAP.y));
  return boxes.reduce((sum, height) => sum + height, 0) + Math.max(0, filled.length - 1) * GAP.role;
}

function placeColumn(groups: readonly (readonly Box[])[], column: number, top: number): MapNode[] {
  let y = top;
  return groups.flatMap((group) => {
    const placed = group.map((box) => {
      const node = { ...box, x: MARGIN + column * (NODE.width + GAP.x), y, width: NODE.width };
      y += box.height + GAP.y;
      return node;
    });
    if (group.length > 0) y += GAP.role - GAP.y;
    return placed;
  });
}

function thinWays(nodes: readonly MapNode[]): MapWay[] {
  return ASKS.flatMap(([asking, asked]) =>
    nodes
      .filter(({ role }) => role === asking)
      .flatMap((from) =>
        nodes
          .filter(({ role }) => role === asked)
          .map((to) => ({ key: `${nameOf(from)} ${nameOf(to)}`, path: pathBetween(from, to) })),
      ),
  );
}

/** What flows of a kind between two boxes is one way, with all of its bytes. */
function flowWays(nodes: readonly MapNode[], flows: readonly Flow[]): MapWay[] {
  const ways = new Map<string, MapWay & { readonly flow: Flow }>();
  const find = (name: string): MapNode | undefined =>
    nodes.find(({ instances }) => instances.some(({ instance }) => instance === name));
  for (const flow of flows) {
    const [from, to] = [find(flow.from), find(flow.to)];
    if (!from || !to || from === to) continue;
    const key = `${nameOf(from)} ${nameOf(to)} ${flow.kind}`;
    const bytes = flow.bytes + (ways.get(key)?.flow.bytes ?? 0);
    ways.set(key, { key, path: pathBetween(from, to, FLOW_ASIDE), flow: { ...flow, bytes } });
  }
  return [...ways.values()];
}

/** Of a box: that of its first actor. */
export function nameOf({ instances }: MapNode): string {
  return instances[0]!.instance;
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
