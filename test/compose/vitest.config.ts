import { defineConfig } from 'vitest/config';

/** `npm run test:compose`: apart from the tiers of `npm test`, since it builds an image and needs a docker daemon. */
export default defineConfig({
  test: {
    name: 'compose',
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/compose/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});
