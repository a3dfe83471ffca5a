/** The studio in a real browser against a real mesh: what a person does there, and what they see when something is away. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { firstFreePort } from '#infra/mesh/free-port.ts';
import { ensureStudio } from '#infra/studio/build.ts';
import { TestMesh } from '../mesh/mesh-kit.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { CHROMIUM, NO_CHROMIUM, TestBrowser, type WatchedPage } from './browser-kit.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DRAWING = join(ROOT, 'docs/images/drawing.png');
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Above the first thousands, which the tests of other tiers take. */
const FIRST_PORT = 18_188;
/** So many steps take longer than any of the tests here. */
const ENDLESS_STEPS = '150';

const folder = await temporaryFolder();
let mesh: TestMesh;
let browser: TestBrowser;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  if (!CHROMIUM) return;
  browser = await TestBrowser.open();
  await ensureStudio(join(folder, 'studio'));
  mesh = await TestMesh.start({
    model: join(ROOT, 'models/pocket'),
    httpPort: await firstFreePort(FIRST_PORT),
    loras: [],
    env: { LATENTMESH_STUDIO: join(folder, 'studio') },
  });
});
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await mesh?.[Symbol.asyncDispose]();
});

beforeEach(async (context) => {
  if (!CHROMIUM) return context.skip(NO_CHROMIUM);
  watched = await browser.page();
  page = watched.page;
  await open();
});
afterEach(async () => {
  if (!CHROMIUM) return;
  await watched[Symbol.asyncDispose]();
  expect(watched.troubles).toEqual([]);
});

async function open(): Promise<void> {
  await page.goto(mesh.httpUrl);
  await page.getByRole('status').filter({ hasText: '6 actors' }).waitFor();
}

const prompt = () => page.getByLabel('Prompt', { exact: true });
const picture = () => page.locator('.stage img.picture[src*="/images/"]');
/** The picture of a prompt; while it is made its name begins with "On its way". */
const finished = (text: string) => page.getByRole('img', { name: text, exact: true });
const stage = () => page.locator('.stage');

/** Asks for a picture with few steps, or with more than it will ever take. */
async function ask(text: string, steps = '4'): Promise<void> {
  await prompt().fill(text);
  await page.getByLabel('Steps, as a number').fill(steps);
  await page.keyboard.press('Control+Enter');
}

async function parameters(): Promise<string> {
  return (await stage().locator('.parameters pre').textContent())!;
}

describe('studio — a picture', () => {
  it('sharpens step by step, is there, and shows where its time went; all from one origin', async () => {
    await ask('a red boat on the sea at night', '60');
    await stage()
      .getByText(/^Step \d+ of 60/)
      .waitFor();
    await stage().locator('.previews img').first().waitFor();
    await picture().waitFor();
    expect(await picture().getAttribute('alt')).toBe('a red boat on the sea at night');
    await page.locator('.waterfall .role-denoiser .bar').first().waitFor();
    await page.locator('.waterfall .role-vae .bar').first().waitFor();
    const origins = watched.requests.filter((url) => /^(https?|wss?):/.test(url)).map((url) => new URL(url).origin);
    expect([...new Set(origins)]).toEqual([new URL(mesh.httpUrl).origin]);
  });

  it('is given up by Esc', async () => {
    await ask('a red boat', ENDLESS_STEPS);
    await stage()
      .getByText(/^Step \d+ of/)
      .waitFor();
    await page.keyboard.press('Escape');
    await stage().getByText('Cancelled.').waitFor();
    expect(await page.getByRole('button', { name: 'Cancel', exact: true }).count()).toBe(0);
  });

  it('is guided by a picture whose edges are shown before', async () => {
    await page.getByRole('button', { name: /Guide it with/ }).click();
    await page.getByLabel('Picture of the guide').setInputFiles(DRAWING);
    await page.getByAltText('Made of the guide').waitFor();
    await ask('a purple mushroom in a meadow by day');
    await picture().waitFor();
    await page.locator('.waterfall .role-controlnet .bar').first().waitFor();
    expect(await parameters()).toContain('ControlNet 0: "Module: canny, Model: edges');
  });

  it('is guided by a drawing made here', async () => {
    await page.getByRole('button', { name: /Guide it with/ }).click();
    await page.getByRole('button', { name: 'Draw', exact: true }).click();
    const sheet = page.getByRole('img', { name: /^Drawing/ });
    await sheet.dragTo(sheet, { sourcePosition: { x: 40, y: 200 }, targetPosition: { x: 240, y: 60 } });
    await ask('a green tree in a meadow by day');
    await picture().waitFor();
    expect(await parameters()).toContain('Module: none, Model: edges');
  });

  it('is used again with the picture that guided it, which the mesh has kept', async () => {
    await page.getByRole('button', { name: /Guide it with/ }).click();
    await page.getByLabel('Picture of the guide').setInputFiles(DRAWING);
    await ask('a purple mushroom', '3');
    await picture().waitFor();
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Use again' }).click();
    await page.getByAltText('The guide').waitFor();
    await ask('a yellow mushroom', '3');
    await finished('a yellow mushroom').waitFor();
    expect(await parameters()).toContain('Model: edges');
  });

  it('starts from another one, of which only the painted part changes', async () => {
    await ask('a red boat on the sea by day', '6');
    await picture().waitFor();
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.getByRole('button', { name: 'Only a part' }).click();
    const sheet = page.getByRole('img', { name: /^Part to change/ });
    await sheet.dragTo(sheet, { sourcePosition: { x: 30, y: 40 }, targetPosition: { x: 280, y: 40 } });
    await ask('a red boat on the sea at night', '6');
    await finished('a red boat on the sea at night').waitFor();
    expect(await parameters()).toContain('Denoising strength: 0.75');
    const [before, after] = await Promise.all([pixelsOf(1), pixelsOf(0)]);
    const differs = (row: number): number => before[row]!.filter((level, i) => level !== after[row]![i]).length;
    expect(differs(12)).toBeGreaterThan(100); // under the brush
    expect(differs(120)).toBe(0); // far from it
  });

  it('keeps what was erased from the painted part', async () => {
    await ask('a red boat on the sea by day', '4');
    await picture().waitFor();
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.getByRole('button', { name: 'Only a part' }).click();
    const sheet = page.getByRole('img', { name: /^Part to change/ });
    await sheet.dragTo(sheet, { sourcePosition: { x: 30, y: 40 }, targetPosition: { x: 280, y: 40 } });
    await page.getByLabel('Soft edge, pixels, as a number').fill('0');
    await page.getByRole('button', { name: 'Erase' }).click();
    await page.getByLabel('Width of the line').fill('160');
    await sheet.dragTo(sheet, { sourcePosition: { x: 200, y: 40 }, targetPosition: { x: 300, y: 40 } });
    await ask('a red boat on the sea at night', '4');
    await finished('a red boat on the sea at night').waitFor();
    const [before, after] = (await Promise.all([pixelsOf(1), pixelsOf(0)])).map((rows) => rows[16]!);
    const isSame = (fromX: number, toX: number): boolean =>
      before!.slice(4 * fromX, 4 * toX).every((level, i) => level === after![4 * fromX + i]);
    expect(isSame(20, 40)).toBe(false);
    expect(isSame(90, 110)).toBe(true);
  });

  it('is continued beyond its edge, by as many pixels as the mesh can', async () => {
    await ask('a red boat on the sea by day', '4');
    await picture().waitFor();
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.locator('summary', { hasText: 'Continue it' }).click();
    await page.getByLabel('Right, pixels').fill('5');
    await ask('a red boat on the wide sea', '4');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('field-outpaint-right');
    expect(await page.locator('#field-outpaint-right-message').textContent()).toMatch(/multiple of 8/);
    await page.getByLabel('Right, pixels').fill('64');
    await page.keyboard.press('Control+Enter');
    await finished('a red boat on the wide sea').waitFor();
    expect(await stage().locator('.tools-text').textContent()).toContain('192 × 128');
  });

  it('is a variation, made fast and then larger; is used again as it was, and copied as a command', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('summary', { hasText: 'Speed' }).click();
    await page.getByLabel('The picture is').selectOption('fast');
    await page.locator('summary', { hasText: 'Larger' }).click();
    await page.getByLabel('Times as large, as a number').fill('1.5');
    await page.locator('summary', { hasText: 'Variation' }).click();
    await page.getByLabel('How far towards another seed, as a number').fill('0.2');
    await ask('a blue boat', '6');
    await picture().waitFor();
    const made = await parameters();
    for (const told of ['DeepCache interval', 'Hires upscale: 1.5', 'Variation seed strength: 0.2'])
      expect(made).toContain(told);
    await stage().getByText('Parameters', { exact: true }).click();
    await page.getByRole('button', { name: 'As command' }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    expect(command).toMatch(
      /^npx latentmesh generate 'a blue boat' .*--preset fast .*--subseed-strength 0.2 .*--hires 1.5/,
    );
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.getByRole('button', { name: 'Use again' }).click();
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => page.locator('.history li').count()).toBe(2);
    await picture().waitFor();
    expect(await parameters()).toBe(made);
  });

  it('says why it took as long as it did', async () => {
    await ask('a red boat', '4');
    await picture().waitFor();
    expect(await page.locator('.why').textContent()).toMatch(/^Of .* was computing.*What would help most/);
  });

  it('has the style that was switched on, at its weight', async () => {
    await page.getByRole('button', { name: 'neon' }).click();
    await page.getByLabel('neon, as a number').fill('0.8');
    await ask('a red boat on the sea at night');
    await picture().waitFor();
    expect(await parameters()).toContain('<lora:neon:0.8>');
  });

  it('can be one of several, each with its seed', async () => {
    await page.getByLabel('Pictures, as a number').fill('2');
    await ask('a yellow car');
    await page.getByRole('button', { name: /^Picture 2, seed/ }).click();
    await picture().waitFor();
    expect(await picture().getAttribute('src')).toMatch(/\/images\/1$/);
  });

  it('brings its settings along when its file is dropped on the page', async () => {
    await page.getByRole('button', { name: 'sketch' }).click();
    await ask('a blue house in the snow', '5');
    await picture().waitFor();
    const seed = /Seed: (\d+)/.exec(await parameters())![1]!;
    await page.getByRole('button', { name: 'Reset' }).click();
    expect(await prompt().inputValue()).toBe('');
    await drop(await picture().getAttribute('src'));
    await expect.poll(() => prompt().inputValue()).toBe('a blue house in the snow');
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe(seed);
    expect(await page.getByLabel('Steps, as a number').inputValue()).toBe('5');
    expect(await page.getByRole('button', { name: 'sketch' }).getAttribute('aria-pressed')).toBe('true');
  });

  it('is held against another', async () => {
    await ask('a red boat');
    await picture().waitFor();
    await page.getByRole('button', { name: 'Compare' }).click();
    await ask('a blue boat');
    await page.getByLabel('Line between the two pictures').fill('30');
    expect(await stage().locator('img.picture').count()).toBe(2);
    await page.getByRole('button', { name: 'End comparison' }).click();
    expect(await stage().locator('img.picture').count()).toBe(1);
  });
});

/** Rows of RGBA of the picture of a job, newest first. */
function pixelsOf(index: number): Promise<number[][]> {
  return page.evaluate(async (nth) => {
    const image = document.querySelectorAll<HTMLImageElement>('.history img')[nth]!;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), {
      width: image.naturalWidth,
      height: image.naturalHeight,
    });
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    return Array.from({ length: canvas.height }, (_, y) => [...context.getImageData(0, y, canvas.width, 1).data]);
  }, index);
}

/** A file from the mesh, let go over the page. */
async function drop(url: string | null): Promise<void> {
  await page.evaluate(async (address) => {
    const file = new File([await (await fetch(address)).blob()], 'picture.png', { type: 'image/png' });
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(file);
    document
      .querySelector('.middle')!
      .dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }, url!);
}

describe('studio — what is wrong', () => {
  it('is told at its field, which has the focus', async () => {
    await page.getByLabel('Width, pixels').fill('100');
    await ask('a red boat');
    const message = page.locator('#field-width-message');
    expect(await message.textContent()).toMatch(/multiple of 8/);
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('field-width');
    expect(await page.getByLabel('Width, pixels').getAttribute('aria-describedby')).toBe('field-width-message');
    await page.getByLabel('Width, pixels').fill('128');
    expect(await message.count()).toBe(0);
  });

  it('with a word that the model does not know is told at the prompt, and the picture is there', async () => {
    await ask('a dragon', '2');
    await picture().waitFor();
    expect(await page.locator('#field-prompt-message').textContent()).toContain('never seen "dragon"');
  });

  it('as HTML in a prompt is text everywhere', async () => {
    const text = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    await ask(text, '2');
    await picture().waitFor();
    expect(await picture().getAttribute('alt')).toBe(text);
    expect(await page.getByRole('button', { name: text }).count()).toBe(1);
    expect(await page.locator('img[src="x"], .page script').count()).toBe(0);
  });
});

describe('studio — over time', () => {
  it('a reload finds the history, and the job that runs', async () => {
    await ask('a red boat', '2');
    await picture().waitFor();
    await ask('a white cat', ENDLESS_STEPS);
    await stage()
      .getByText(/^Step \d+ of/)
      .waitFor();
    await page.reload();
    expect(await prompt().inputValue()).toBe('a white cat');
    await stage()
      .getByText(/^Step \d+ of/)
      .waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'a white cat: cancelled' }).waitFor();
    await page.getByRole('button', { name: 'a red boat', exact: true }).click();
    await picture().waitFor();
  });

  it('a picture that the mesh keeps no longer is told, and can be made again', async () => {
    // From before the picture is loaded: with a route in place the browser keeps none.
    let isKept = true;
    await page.route('**/images/*', (route) => (isKept ? route.continue() : route.fulfill({ status: 404 })));
    await ask('a white heart', '2');
    await picture().waitFor();
    isKept = false;
    await page.reload();
    await stage().getByText('This picture is not kept any more').waitFor();
    await page.getByRole('button', { name: 'Use again' }).click();
    expect(await prompt().inputValue()).toBe('a white heart');
  });

  it('a gateway that is gone is told; when it is back all goes on by itself', async () => {
    await ask('a pink fish', '30');
    await stage()
      .getByText(/^Step \d+ of/)
      .waitFor();
    const isBack = mesh.newcomer('gateway');
    await mesh.signal('gateway', 'SIGKILL');
    await page.getByRole('alert').filter({ hasText: 'The gateway does not answer' }).waitFor();
    await isBack;
    await page.locator('.banner').waitFor({ state: 'detached' });
    await picture().waitFor();
  });

  it('a mesh without a denoiser says so until there is one', async () => {
    await mesh.signal('denoiser', 'SIGSTOP');
    const told = page.getByRole('alert').filter({ hasText: 'No denoiser in the mesh' });
    try {
      await told.waitFor();
      expect(await page.getByRole('status').first().textContent()).toContain('no denoiser');
    } finally {
      await mesh.signal('denoiser', 'SIGCONT');
    }
    await told.waitFor({ state: 'detached' });
  });
});

describe('studio — for everybody', () => {
  it.each(['light', 'dark'] as const)('has no finding of axe for WCAG 2.2 AA, in the %s theme', async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await findings()).toEqual([]);
    await page.getByRole('button', { name: /Guide it with/ }).click();
    await page.getByRole('button', { name: 'neon' }).click();
    for (const fold of ['Speed', 'Larger', 'Variation', 'Advanced'])
      await page.locator('summary', { hasText: fold }).click();
    await page.keyboard.press('Control+Enter');
    await page.getByText('Drop a picture here, or draw one.').waitFor();
    await page.getByText('Actors and what they hold').click();
    expect(await findings()).toEqual([]);
    await page.getByRole('button', { name: 'Remove guide 1' }).click();
    await ask('a dragon', '6');
    await picture().waitFor();
    await page.getByText('The same as a table').click();
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.getByRole('button', { name: 'Only a part' }).click();
    await page.locator('summary', { hasText: 'Continue it' }).click();
    expect(await findings()).toEqual([]);
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    expect(await findings()).toEqual([]);
  });

  it('tells its keys, and hears them outside of fields', async () => {
    await page.locator('body').press('?');
    await page.getByRole('heading', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Keys' }).waitFor({ state: 'hidden' });
    await page.locator('body').press('/');
    await page.keyboard.type('r/?');
    expect(await prompt().inputValue()).toBe('r/?');
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    await page.getByLabel('Hear keys without Ctrl').uncheck();
    await page.keyboard.press('Escape');
    await page.locator('body').press('?');
    expect(await page.getByRole('heading', { name: 'Keys' }).isVisible()).toBe(false);
  });

  it.each([320, 390, 768, 1024])('fits a screen of %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await page.getByRole('button', { name: 'Generate' }).isVisible()).toBe(true);
  });

  it('keeps the colours that were chosen', async () => {
    await page.getByRole('button', { name: 'Colours: system' }).click();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
    expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe('dark');
  });
});

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** What axe finds, as `rule: element`. */
async function findings(): Promise<string[]> {
  // By the protocol, which the page's own policy does not stop.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<AxeResult> } };
    // Colours on their way from one theme to the other are neither's.
    const changes = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(changes.map(({ finished }) => finished));
    return axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
  });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
