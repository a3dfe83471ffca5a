/** What the page costs: bytes, time to its first paint, and whom it asks. */
import type { Page } from 'playwright-core';

/** See the head of this file. */
export interface Cost {
  /** As they came over the wire, before anything was asked of the mesh. */
  readonly fileBytes: number;
  readonly files: number;
  readonly firstContentfulPaintMs: number;
  /** Origins besides its own. */
  readonly foreignOrigins: readonly string[];
}

/** Loads the page anew, with nothing in the cache. */
export async function costOf(page: Page, url: string): Promise<Cost> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.goto(url);
  await page.getByRole('status').filter({ hasText: 'actors' }).waitFor();
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const resources = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    const files = resources.filter(({ name }) => /\.(js|css|svg)$/.test(name));
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return {
      fileBytes: files.reduce((sum, file) => sum + file.transferSize, navigation!.transferSize),
      files: files.length + 1,
      firstContentfulPaintMs: Math.round(paint!.startTime),
      foreignOrigins: [...new Set(resources.map(({ name }) => new URL(name).origin))].filter(
        (one) => one !== location.origin,
      ),
    };
  });
}
