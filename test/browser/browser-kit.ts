/** A real Chromium for tests: found, not fetched. What a page asks for and says goes on record. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is, if it is. */
export const CHROMIUM: string | undefined = [process.env.CHROMIUM_PATH ?? '', ...PLACES].find((path) =>
  existsSync(path),
);
/** Told by tests that are skipped for the lack of it. */
export const NO_CHROMIUM = 'no Chromium: apt install chromium, or set CHROMIUM_PATH';

/** A browser of its own, gone with its profile at the end. */
export class TestBrowser implements AsyncDisposable {
  readonly #context: BrowserContext;
  readonly #profile: string;

  private constructor(context: BrowserContext, profile: string) {
    this.#context = context;
    this.#profile = profile;
  }

  /** A window of a new person: nothing stored, nothing asked before. */
  static async open(options: BrowserContextOptions = {}): Promise<TestBrowser> {
    const profile = await mkdtemp(join(tmpdir(), 'latentmesh-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM!,
      args: FLAGS,
      viewport: { width: 1440, height: 900 },
      ...options,
    });
    return new TestBrowser(context, profile);
  }

  /** A page, with what it asked for and what went wrong in it. */
  async page(): Promise<WatchedPage> {
    const page = await this.#context.newPage();
    const watched: WatchedPage = { page, requests: [], troubles: [] };
    page.on('request', (request) => watched.requests.push(request.url()));
    page.on('pageerror', ({ message }) => watched.troubles.push(message));
    page.on('dialog', (dialog) => {
      watched.troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) watched.troubles.push(message.text());
    });
    return watched;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}

/** See {@link TestBrowser.page}. */
export interface WatchedPage {
  readonly page: Page;
  /** Every address that was asked for. */
  readonly requests: string[];
  /** Errors, dialogs, what the security policy refused. */
  readonly troubles: string[];
}
