/** A real Chromium for tests: found, not fetched. What a page asks for and says goes on record. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

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

/** One browser for many people. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS }));
  }

  /** The page of somebody new: nothing stored, nothing asked before. What it asks for and what goes wrong is on record. */
  async page(options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.#browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    const watched: WatchedPage = { page, requests: [], troubles: [], [Symbol.asyncDispose]: () => context.close() };
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.#browser.close();
  }
}

/** See {@link TestBrowser.page}. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** Every address that was asked for. */
  readonly requests: string[];
  /** Errors, dialogs, what the security policy refused. */
  readonly troubles: string[];
}
