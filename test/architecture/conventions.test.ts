import { describe, expect, it } from 'vitest';
import { lineAt, productFiles, projectFiles, read, violation } from './source-tree.ts';

const MAIN_MAX_LINES = 80;
const files = productFiles();

/** A violation for each match of a pattern in the given files. */
function search(paths: readonly string[], pattern: RegExp, rule: string, remedy: string): string[] {
  return paths.flatMap((file) => {
    const text = read(file);
    return [...text.matchAll(pattern)].map((match) =>
      violation({ file, line: lineAt(text, match.index) }, rule, remedy),
    );
  });
}

describe('conventions — files', () => {
  it('are named for what they hold', () => {
    const broken = projectFiles()
      .filter((file) => /(?:^|\/)(?:utils?|helpers?|common|misc)(?:\/|\.[a-z.]+$)/.test(file))
      .map((file) => violation({ file, line: 1 }, 'the name says nothing', 'name the one thing: backoff.ts, f16.ts'));
    expect(broken).toEqual([]);
  });

  it('in TypeScript have names in kebab-case', () => {
    const broken = projectFiles().filter(
      (file) => /\.tsx?$/.test(file) && !/^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.(?:test|d|config|bench))?\.tsx?$/.test(file),
    );
    expect(broken).toEqual([]);
  });

  it('pass nothing on: no barrels', () => {
    const remedy = 'let callers import the file that owns the name';
    expect(search(files, /^export (?:\*|\{[^}]*\} from)/gm, 'this only passes names on', remedy)).toEqual([]);
  });

  it(`that wire a service have at most ${MAIN_MAX_LINES} lines`, () => {
    const broken = files
      .filter((file) => /^services\/[^/]+\/main\.ts$/.test(file))
      .map((file) => ({ file, line: read(file).trimEnd().split('\n').length }))
      .filter(({ line }) => line > MAIN_MAX_LINES)
      .map((at) =>
        violation(at, `main.ts is over ${MAIN_MAX_LINES} lines`, 'it wires only: move what decides to a named file'),
      );
    expect(broken).toEqual([]);
  });
});

describe('conventions — words', () => {
  /** Text files only: a NUL marks the others. */
  const texts = projectFiles().filter(
    (file) => !/\.(?:png|safetensors|onnx|jpe?g|webp)$/.test(file) && !read(file).includes('\0'),
  );

  it('name no folder of one machine', () => {
    const folders = /(?<![\w.$}/-])\/(?:work|root|Users)\/[\w-]+/g;
    expect(search(texts, folders, 'this is a path of one machine', 'write it from the root of the project')).toEqual(
      [],
    );
  });

  it('name no host of a package registry', () => {
    const hosts = /\b(?:registry\.[\w-]+\.(?:org|com|io|net)|(?:artifactory|verdaccio|nexus)[\w.-]*\.[a-z]{2,})\b/g;
    expect(search(texts, hosts, 'this names a registry', 'leave it to the configuration of npm')).toEqual([]);
  });
});

/** Exports at the top level that lack a TSDoc block above; single-line exports in one group share the block above it. */
function undocumented(text: string): { line: number; name: string }[] {
  const lines = text.split('\n');
  const isGrouped = (line: string): boolean => /^export .*;$/.test(line) || line.startsWith('// biome-ignore');
  return lines.flatMap((line, i) => {
    const [, kind, name] =
      /^export (?:default )?(?:async |abstract )*(function\*?|class|interface|const|let|type) (\w+)/.exec(line) ?? [];
    if (!name) return [];
    // A schema and the type inferred from it carry one name and one comment.
    if (kind === 'type' && new RegExp(`^export const ${name}\\b`, 'm').test(text)) return [];
    let above = i - 1;
    while (above >= 0 && isGrouped(lines[above]!)) above--;
    return lines[above]?.trimEnd().endsWith('*/') ? [] : [{ line: i + 1, name }];
  });
}

describe('conventions — comments', () => {
  it('every exported name is documented', () => {
    const broken = files.flatMap((file) =>
      undocumented(read(file)).map(({ line, name }) =>
        violation({ file, line }, `${name} has no TSDoc`, 'say in one sentence what it is; shapes, units, error codes'),
      ),
    );
    expect(broken).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['a block right above', '/** A. */\nexport const a = 1;', []],
    ['none', 'import x from "x";\n\nexport function a() {}', ['a']],
    ['a group under one block', '/** Sides. */\nexport const a = 1;\nexport const b = 2;', []],
    ['a block with a gap', '/** File. */\n\nexport interface A {}', ['A']],
    ['a type with its schema', '/** A. */\nexport const A = z.object({});\n\nexport type A = z.infer<typeof A>;', []],
  ])('the check knows %s', (_, text, names) => {
    expect(undocumented(text).map(({ name }) => name)).toEqual(names);
  });

  it('every numbered invariant is named in the title of a test of its area', () => {
    const tests = projectFiles().filter((file) => /^test\/.*\.ts$/.test(file));
    const titles = tests.map((file) => ({ file, text: titlesOf(read(file)).join('\n') }));
    const broken = files.flatMap((file) => {
      const [, area] = file.split('/');
      const text = read(file);
      const ofArea = titles.filter((test) => test.file.includes(`/${area}/`));
      return [...text.matchAll(/^ \* +([A-Z]\d+) /gm)]
        .filter(([, number]) => !ofArea.some((test) => new RegExp(`\\b${number}\\b`).test(test.text)))
        .map((match) =>
          violation(
            { file, line: lineAt(text, match.index) },
            `no test of ${area} names ${match[1]}`,
            'put the number in the title of the test that proves it',
          ),
        );
    });
    expect(broken).toEqual([]);
  });

  it.each<[string, string[]]>([
    ["it('A1: one turn', () => {});", ['A1: one turn']],
    ["it.each([1, 2])('A2: %s turns', (n) => {});", ['A2: %s turns']],
    ['it(`A3: messages`, () => {});', ['A3: messages']],
    ["const A4 = 'A5';", []],
  ])('titles are found in %j', (text, titles) => {
    expect(titlesOf(text)).toEqual(titles);
  });
});

/** Titles of tests, of tables of tests too. */
function titlesOf(text: string): string[] {
  return [...text.matchAll(/(?:\bit\(|\]\)\()\s*(['"`])(.+?)\1/gs)].map((match) => match[2]!);
}
