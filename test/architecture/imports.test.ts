import { describe, expect, it } from 'vitest';
import { AREAS, PACKAGE_OWNERS, SERVICE_EXTRAS } from './layers.ts';
import { type Import, importsOf, productFiles, projectFiles, read, violation } from './source-tree.ts';

const files = productFiles();
const imports = files.flatMap((file) => importsOf(file));
/** Holds the version, which anyone may tell. */
const MANIFEST = 'package.json';

/** Why a file must not import a target inside the project, or nothing. */
function layerRule(file: string, target: string): string | undefined {
  const [top, area = ''] = file.split('/');
  const [targetTop, targetArea = '', ...rest] = target.split('/');
  if (target === MANIFEST) return undefined;
  if (top === 'infra') {
    return targetTop === 'infra' || targetTop === 'shared'
      ? undefined
      : 'infra imports shared and itself only: it starts services as processes';
  }
  if (top === 'services') {
    const isOwn = targetTop === 'services' && targetArea === area;
    const isExtra = SERVICE_EXTRAS[area]?.includes(target);
    return isOwn || isExtra || targetTop === 'shared' ? undefined : 'a service imports shared and itself only';
  }
  if (targetTop !== 'shared') return 'shared knows neither services nor infra nor what is outside the product';
  if (targetArea === area) return undefined;
  const allowed = AREAS[area] ?? [];
  const isAllowed = allowed.includes(targetArea) || allowed.includes(`${targetArea}/${rest.join('/')}`);
  return isAllowed ? undefined : `shared/${area} may know ${allowed.join(', ') || 'nothing'}`;
}

/** `@scope/name` or `name` of a package import. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function ownersOf(name: string): readonly string[] | undefined {
  return PACKAGE_OWNERS[name] ?? PACKAGE_OWNERS[`${name.split('/')[0]}/`];
}

/** A path through imports that comes back to where it began, or nothing. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

describe('imports — layers', () => {
  it('every area of shared has a row in the table', () => {
    const areas = new Set(files.filter((file) => file.startsWith('shared/')).map((file) => file.split('/')[1]!));
    expect([...areas].filter((area) => !(area in AREAS))).toEqual([]);
  });

  it('the table itself has no cycle between areas', () => {
    const graph = new Map(Object.entries(AREAS).map(([area, known]) => [area, known.filter((name) => name in AREAS)]));
    expect(findCycle(graph)).toBeUndefined();
  });

  it('nobody imports above its row', () => {
    const broken = imports.flatMap((found) => {
      const rule = found.target && layerRule(found.file, found.target);
      const remedy = 'move the code to the area that may know it, or pass it in from main.ts';
      return rule ? [violation(found, `${rule}; this imports ${found.target}`, remedy)] : [];
    });
    expect(broken).toEqual([]);
  });

  it('no imports go in a circle', () => {
    const targets = (file: string): string[] =>
      imports.flatMap((found) => (found.file === file && found.target ? [found.target] : []));
    expect(
      findCycle(new Map(files.map((file) => [file, targets(file)]))),
      'put the type they share in a file of its own',
    ).toBeUndefined();
  });

  it('what is imported exists, and is named with its extension', () => {
    const known = new Set(projectFiles());
    const broken = imports
      .filter(({ target }) => target?.endsWith('.js') === false && !known.has(target))
      .map((found) =>
        violation(found, `there is no ${found.target}`, 'write the path with .ts, from the root as #shared/…'),
      );
    expect(broken).toEqual([]);
  });
});

describe('imports — the layer rule', () => {
  it.each([
    ['shared/tensor/a.ts', 'shared/errors/errors.ts', true],
    ['shared/errors/a.ts', 'shared/tensor/tensor.ts', false],
    ['shared/session/a.ts', 'shared/graph/graph-model.ts', true],
    ['shared/session/a.ts', 'shared/graph/builder.ts', false],
    ['shared/bus/a.ts', 'services/vae/vae.ts', false],
    ['shared/bus/a.ts', 'infra/nats/find-server.ts', false],
    ['shared/bus/a.ts', 'test/golden/reference.ts', false],
    ['services/vae/a.ts', 'services/vae/b.ts', true],
    ['services/vae/a.ts', 'services/lora/b.ts', false],
    ['services/vae/a.ts', 'infra/mesh/state-file.ts', false],
    ['services/cli/a.ts', 'infra/mesh/state-file.ts', true],
    ['services/cli/a.ts', 'infra/nats/find-server.ts', false],
    ['infra/mesh/a.ts', 'shared/bus/bus.ts', true],
    ['infra/mesh/a.ts', 'services/vae/main.ts', false],
    ['infra/mesh/a.ts', 'test/golden/reference.ts', false],
  ])('%s → %s: %s', (file, target, isAllowed) => {
    expect(layerRule(file, target) === undefined).toBe(isAllowed);
  });
});

describe('imports — packages', () => {
  const isPackage = ({ specifier, target }: Import): boolean => target === undefined && !specifier.startsWith('node:');

  it('each package has its one owner', () => {
    const broken = imports.filter(isPackage).flatMap((found) => {
      const owners = ownersOf(packageOf(found.specifier)) ?? [];
      if (owners.some((folder) => found.file.startsWith(folder))) return [];
      const rule = `${packageOf(found.specifier)} belongs to ${owners.join(', ') || 'nobody'}`;
      return [
        violation(found, rule, 'ask the owner for the function you need, or give the package an owner in layers.ts'),
      ];
    });
    expect(broken).toEqual([]);
  });

  it('every dependency of the product has an owner in the table', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies).filter((name) => !ownersOf(name))).toEqual([]);
  });
});

describe('imports — how they are read', () => {
  it.each([
    ["import { a } from './a.ts';", 'shared/x/a.ts'],
    ["import type {\n  A,\n} from '#shared/y/a.ts';", 'shared/y/a.ts'],
    ["export { a } from '../y/a.ts';", 'shared/y/a.ts'],
    ["import './a.ts';", 'shared/x/a.ts'],
    ["  const a = await import('./a.ts');", 'shared/x/a.ts'],
    ["let a: import('./a.ts').A;", 'shared/x/a.ts'],
    ["new Worker(new URL('./a.ts', import.meta.url))", 'shared/x/a.ts'],
  ])('%j', (text, target) => {
    expect(importsOf('shared/x/file.ts', text).map((found) => found.target)).toEqual([target]);
  });

  it('finds a package and its line', () => {
    expect(importsOf('a.ts', "\nimport sharp from 'sharp';")).toEqual([{ file: 'a.ts', line: 2, specifier: 'sharp' }]);
  });
});
