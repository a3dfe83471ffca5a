/** `npm run shots:studio`: the pictures of docs/studio.md, taken of a real mesh, and what the page costs. Needs Chromium. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { ensureStudio } from '#infra/studio/build.ts';
import { TestBrowser } from '../../test/browser/browser-kit.ts';
import { TestMesh } from '../../test/mesh/mesh-kit.ts';
import { costOf } from './cost.ts';
import { saveShot } from './shot.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DRAWING = join(ROOT, 'docs/images/drawing.png');
const DESKTOP = { viewport: { width: 1440, height: 900 } };

const folder = await mkdtemp(join(tmpdir(), 'latentmesh-shots-'));
await ensureStudio(folder);
const mesh = await TestMesh.start({
  model: join(ROOT, 'models/pocket'),
  replicas: { controlnet: 2 },
  loras: [],
  env: { LATENTMESH_STUDIO: folder },
});

try {
  await inBrowser({ ...DESKTOP, colorScheme: 'light' }, async (page) => {
    process.stdout.write(`${JSON.stringify(await costOf(page, mesh.httpUrl), undefined, 2)}\n`);
    await guided(page);
    await ask(page, 'a purple mushroom in a meadow by day', 20);
    await page.locator('.waterfall .role-vae .bar').first().waitFor();
    await fromTheTop(page);
    await saveShot(page, 'studio-light');
  });
  await inBrowser({ ...DESKTOP, colorScheme: 'dark' }, async (page) => {
    await guided(page);
    await page.getByRole('button', { name: 'neon' }).click();
    await ask(page, 'a purple mushroom in a meadow by day', 20);
    await page.locator('.waterfall .role-vae .bar').first().waitFor();
    await page.getByLabel('Steps, as a number').fill('60');
    await page.keyboard.press('Control+Enter');
    await page.getByText(/^Step 2\d of 60/).waitFor();
    await fromTheTop(page);
    await saveShot(page, 'studio-dark');
    await page.keyboard.press('Escape');
  });
  await inBrowser({ viewport: { width: 390, height: 844 }, colorScheme: 'light' }, async (page) => {
    await ask(page, 'a red boat on the sea at sunset', 20);
    await fromTheTop(page);
    await saveShot(page, 'studio-phone');
  });
} finally {
  await mesh[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

async function inBrowser(options: object, act: (page: Page) => Promise<void>): Promise<void> {
  await using browser = await TestBrowser.open();
  const { page } = await browser.page(options);
  await page.goto(mesh.httpUrl);
  await page.getByRole('status').filter({ hasText: 'actors' }).waitFor();
  await act(page);
}

/** What was typed last has the focus, and may have scrolled. */
async function fromTheTop(page: Page): Promise<void> {
  await page.evaluate(() => {
    (document.activeElement as HTMLElement).blur();
    document.querySelector('.request-fields')!.scrollTo(0, 0);
    scrollTo(0, 0);
  });
}

async function guided(page: Page): Promise<void> {
  await page.getByRole('button', { name: /Guide it with/ }).click();
  await page.getByLabel('Picture of the guide').setInputFiles(DRAWING);
  await page.getByAltText('Made of the guide').waitFor();
}

async function ask(page: Page, prompt: string, steps: number): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill(prompt);
  await page.getByLabel('Seed', { exact: true }).fill('3');
  await page.getByLabel('Steps, as a number').fill(String(steps));
  await page.keyboard.press('Control+Enter');
  await page.locator('.stage img.picture[src*="/images/"]').waitFor();
}
