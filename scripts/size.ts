/**
 * Lines per area, so that growth is seen. Counts TypeScript; comments and blank lines are told apart from code.
 *
 * Run: `node scripts/size.ts`
 */
import { projectFiles, read } from '#test/architecture/source-tree.ts';

interface Size {
  files: number;
  lines: number;
  code: number;
  longest: number;
  longestFile: string;
}

/** `shared/graph`, `services/vae`, `test/unit`; for anything else the top folder. */
function areaOf(file: string): string {
  const folders = file.split('/').slice(0, -1);
  const isDeep = ['shared', 'services', 'infra', 'test'].includes(folders[0] ?? '');
  return folders.slice(0, isDeep ? 2 : 1).join('/') || '.';
}

function isCode(line: string): boolean {
  return !/^\s*(?:$|\/\/|\/\*|\*)/.test(line);
}

function addFile(size: Size, file: string): void {
  const lines = read(file).trimEnd().split('\n');
  size.files++;
  size.lines += lines.length;
  size.code += lines.filter(isCode).length;
  if (lines.length <= size.longest) return;
  size.longest = lines.length;
  size.longestFile = file;
}

const emptySize = (): Size => ({ files: 0, lines: 0, code: 0, longest: 0, longestFile: '' });
const total = emptySize();
const areas = new Map<string, Size>();
for (const file of projectFiles().filter((path) => path.endsWith('.ts'))) {
  const size = areas.get(areaOf(file)) ?? emptySize();
  areas.set(areaOf(file), size);
  addFile(size, file);
  addFile(total, file);
}

function row(area: string, ...cells: (string | number)[]): string {
  const [longestFile = '', ...numbers] = cells.toReversed();
  return `${area.padEnd(24)}${numbers
    .toReversed()
    .map((cell) => String(cell).padStart(9))
    .join('')}  ${longestFile}\n`;
}

process.stdout.write(row('area', 'files', 'lines', 'code', 'longest', ''));
for (const [area, size] of [...areas, ['total', total] as const]) {
  process.stdout.write(row(area, size.files, size.lines, size.code, size.longest, size.longestFile));
}
