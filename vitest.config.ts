import { defineConfig } from 'vitest/config';

if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error(
    `latentmesh needs Node 24, this is ${process.version}: run the tests by \`npm test\`, which brings it.`,
  );
}

/** One project per tier, sorted by what its tests need: see test/README.md. */
const tier = (name: string, testTimeout: number, options: Record<string, unknown> = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: 120_000, ...options },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './scripts/closing-line.ts'],
    projects: [
      tier('unit', 60_000),
      tier('architecture', 20_000),
      tier('contract', 60_000),
      tier('golden', 120_000),
      tier('mesh', 180_000, { fileParallelism: false }),
      tier('browser', 120_000, { fileParallelism: false }),
    ],
  },
});
