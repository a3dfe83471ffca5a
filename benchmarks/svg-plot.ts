/** Horizontal bars as an SVG file, readable on light and dark pages. */
import type { Plot } from './benchmark.ts';
import { rounded } from './benchmark.ts';

const WIDTH = 760;
const LABEL_WIDTH = 250;
const VALUE_WIDTH = 90;
const BAR_HEIGHT = 20;
const PITCH = 30;
const TOP = 44;
const BOTTOM = 34;

const STYLE = `text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}.bar{fill:#4c78a8}
.goal{stroke:#d1495b;stroke-width:1.5;stroke-dasharray:5 4}.goal-text{fill:#d1495b}.note{font-size:11px;fill:#6e7781}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#8b949e}}`;

/** note   one line below: what machine, which day */
export function plotSvg({ title, unit, bars, goal }: Plot, note: string): string {
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const largest = Math.max(goal ?? 0, ...bars.map((bar) => bar.value)) || 1;
  const x = (value: number): number => Math.round(LABEL_WIDTH + (value / largest) * room);
  const height = TOP + bars.length * PITCH + BOTTOM;
  const rows = bars.map(({ label, value }, i) => {
    const y = TOP + i * PITCH;
    const baseline = y + BAR_HEIGHT - 5;
    return `<text x="${LABEL_WIDTH - 10}" y="${baseline}" text-anchor="end">${escaped(label)}</text>
<rect class="bar" x="${LABEL_WIDTH}" y="${y}" width="${x(value) - LABEL_WIDTH}" height="${BAR_HEIGHT}" rx="2"/>
<text x="${x(value) + 6}" y="${baseline}">${rounded(value)} ${escaped(unit)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">
<style>${STYLE}</style>
<text class="title" x="16" y="24">${escaped(title)}</text>
${rows.join('\n')}
${goal === undefined ? '' : goalLine(x(goal), height, `goal ${rounded(goal)}`)}
<text class="note" x="16" y="${height - 10}">${escaped(note)}</text>
</svg>
`;
}

function goalLine(x: number, height: number, text: string): string {
  return `<line class="goal" x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${height - BOTTOM}"/>
<text class="goal-text" x="${x - 4}" y="${height - BOTTOM + 14}" text-anchor="end">${text}</text>`;
}

/** Text as XML has it. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
