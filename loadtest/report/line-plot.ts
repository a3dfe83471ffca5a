/** Curves as an SVG file, readable on light and dark pages. */

import { escaped } from '../../benchmarks/svg-plot.ts';

/** One curve: points (x, y), x rising. */
export interface Curve {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
}

/** A plot of curves over one axis. */
export interface LinePlot {
  /** Kebab-case: names the file beside the experiment's. */
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
}

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 30;
const TOP = 70;
const BOTTOM = 70;
const TICKS = 5;
const COLOURS = ['#4c78a8', '#f58518', '#54a24b', '#b279a2', '#e45756', '#72b7b2'];

const STYLE = `text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}.note{font-size:11px;fill:#6e7781}
.grid{stroke:#d0d7de;stroke-width:1}.curve{fill:none;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#8b949e}.grid{stroke:#3d444d}}`;

/** note   one line below: what device, which day */
export function linePlotSvg({ title, xLabel, yLabel, curves }: LinePlot, note: string): string {
  const points = curves.flatMap((curve) => curve.points);
  const xs = axis(Math.max(0, ...points.map(([x]) => x)));
  const ys = axis(Math.max(0, ...points.map(([, y]) => y)));
  const toX = (x: number): number => place(x / xs.max, LEFT, WIDTH - RIGHT);
  const toY = (y: number): number => place(y / ys.max, HEIGHT - BOTTOM, TOP);
  const lines = curves.map(({ points: own }, i) => {
    const path = own.map(([x, y]) => `${toX(x)},${toY(y)}`).join(' ');
    return `<polyline class="curve" stroke="${colour(i)}" points="${path}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">
<style>${STYLE}</style>
<text class="title" x="16" y="24">${escaped(title)}</text>
${legend(curves)}
${ys.ticks.map((tick) => grid(LEFT, toY(tick), WIDTH - RIGHT, toY(tick))).join('\n')}
${ys.ticks.map((tick) => `<text x="${LEFT - 8}" y="${toY(tick) + 4}" text-anchor="end">${shown(tick)}</text>`).join('\n')}
${xs.ticks.map((tick) => `<text x="${toX(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${shown(tick)}</text>`).join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 30}" text-anchor="middle">${escaped(xLabel)}</text>
<text x="16" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})">${escaped(yLabel)}</text>
${lines.join('\n')}
<text class="note" x="16" y="${HEIGHT - 10}">${escaped(note)}</text>
</svg>
`;
}

function legend(curves: readonly Curve[]): string {
  const pitch = (WIDTH - LEFT - RIGHT) / Math.max(curves.length, 1);
  return curves
    .map(({ label }, i) => {
      const x = LEFT + i * pitch;
      return `<rect x="${x}" y="40" width="12" height="12" fill="${colour(i)}"/><text x="${x + 18}" y="51">${escaped(label)}</text>`;
    })
    .join('\n');
}

function grid(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="grid" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

/** From zero to a round number that holds the largest value. */
function axis(largest: number): { max: number; ticks: number[] } {
  const rough = (largest || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const count = Math.ceil(largest / step) || 1;
  return { max: count * step, ticks: Array.from({ length: count + 1 }, (_, i) => i * step) };
}

function place(share: number, from: number, to: number): number {
  return Math.round((from + share * (to - from)) * 10) / 10;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length]!;
}
