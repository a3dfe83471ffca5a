/** The project's own files, and what they import. Read by text: TypeScript 7 has no compiler API. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OUTSIDE_PRODUCT } from './layers.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const IGNORED = new Set(['.git', '.latentmesh', 'coverage', 'node_modules']);

/** Every file of the project, as a path from its root with forward slashes. */
export function projectFiles(folder = ''): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => !IGNORED.has(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? projectFiles(`${folder}${entry.name}/`) : [`${folder}${entry.name}`]))
    .sort();
}

/** Text of a file by its path from the root. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** TypeScript of the product itself: no tests, scripts, benchmarks. */
export function productFiles(): string[] {
  return projectFiles().filter(
    (file) => /\.tsx?$/.test(file) && !OUTSIDE_PRODUCT.some((path) => file.startsWith(path)),
  );
}

/** One import of a file. */
export interface Import {
  readonly file: string;
  readonly line: number;
  /** As written: `#shared/tensor/tensor.ts`, `./f16.ts`, `node:fs`, `sharp`. */
  readonly specifier: string;
  /** Path from the root where it is a file of the project. */
  readonly target?: string;
}

// Static, side effect only, dynamic or in a type, and the file of a worker.
const IMPORTS = [
  /^(?:import|export)\b[^'"]*?\bfrom '([^']+)'/gm,
  /^import '([^']+)'/gm,
  /\b(?:import|require|resolve)\(\s*'([^']+)'/g,
  /\bnew URL\(\s*'(\.[^']*\.[jt]s)'/g,
];

/** What a file imports, types included. */
export function importsOf(file: string, text = read(file)): Import[] {
  return IMPORTS.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => {
      const specifier = match[1]!;
      const target = targetOf(file, specifier);
      return { file, line: lineAt(text, match.index), specifier, ...(target && { target }) };
    }),
  );
}

function targetOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  return specifier.startsWith('#') ? specifier.slice(1) : undefined;
}

/** Line of a position, from 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** The place of a violation, its rule, and what to do: the line that a failing test prints. */
export function violation(at: { file: string; line: number }, rule: string, remedy: string): string {
  return `${at.file}:${at.line}  ${rule}  → ${remedy}`;
}
