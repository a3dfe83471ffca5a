/** The examples that stand in README.md and docs/: code between fences, and commands in indented lines. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '..');

/** One example, to be run as it stands. */
export interface DocExample {
  /** `docs/http.md:23` */
  readonly at: string;
  /** Of the fence; `sh` for indented commands. */
  readonly language: string;
  readonly code: string;
}

/** What indented lines begin with when they are commands of ours; what a mesh that runs already cannot show is left out. */
const COMMAND = /^(npx latentmesh |curl |nats (req|request|micro) |\w+=\$\()/;

/** Examples of one page, in their order. Languages that are shown and not run, such as `json`, are among them. */
export async function docExamples(page: string): Promise<DocExample[]> {
  const lines = (await readFile(resolve(PROJECT, page), 'utf8')).split('\n');
  const examples: DocExample[] = [];
  for (let i = 0; i < lines.length; i++) {
    const at = `${page}:${i + 1}`;
    const language = /^```(\w+)/.exec(lines[i]!)?.[1];
    const isLine =
      language === undefined ? (line: string) => line.startsWith('    ') : (line: string) => line !== '```';
    const from = language === undefined ? i : i + 1;
    const length = lines.slice(from).findIndex((line) => !isLine(line));
    if (length <= 0) continue;
    const block = lines.slice(from, from + length);
    const code = language === undefined ? commandsIn(block) : block.join('\n');
    if (code !== '') examples.push({ at, language: language ?? 'sh', code });
    i = from + length;
  }
  return examples;
}

/** The commands of an indented block, each with its further lines; what they print, and comments, are left out. */
function commandsIn(block: readonly string[]): string {
  const whole = block.map((line) => line.slice(4)).join('\n');
  const commands = whole.replaceAll(/\\\n\s*/g, '').split('\n');
  return commands.filter((line) => COMMAND.test(line)).join('\n');
}
