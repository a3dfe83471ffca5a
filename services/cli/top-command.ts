/** `latentmesh top`: the mesh as it lives. A screen that renews itself in a terminal, lines elsewhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { JobEvent } from '#shared/contracts/jobs.ts';
import { type Mesh, openMesh } from './mesh.ts';
import { StepsSeen } from './steps-seen.ts';
import { type Look, topText } from './top-text.ts';

/** Flags of `latentmesh top`. */
export interface TopFlags {
  readonly json?: boolean;
  readonly once?: boolean;
  /** Seconds. */
  readonly interval?: number;
}

const DEFAULT_INTERVAL_S = 1;
const HOME_AND_CLEAR = '\x1b[H\x1b[J';
/** A screen of its own, so that what stood there comes back. */
const [ENTER_SCREEN, LEAVE_SCREEN] = ['\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l'];

/** Runs until Ctrl-C, or once. @throws MeshError BUS_UNAVAILABLE when no mesh runs */
export async function top({ json, once, interval = DEFAULT_INTERVAL_S }: TopFlags): Promise<void> {
  const mesh = await openMesh();
  const hasScreen = process.stdout.isTTY === true && !json && !once;
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
  try {
    if (hasScreen) process.stdout.write(ENTER_SCREEN);
    for await (const look of looks(mesh, interval * 1000, end.signal)) {
      const text = json ? JSON.stringify(look) : topText(look, process.stdout.columns);
      process.stdout.write(hasScreen ? `${HOME_AND_CLEAR}${text}\n` : `${text}\n`);
      if (once) return;
    }
  } finally {
    if (hasScreen) process.stdout.write(LEAVE_SCREEN);
    await mesh.close();
  }
}

/** One look after each interval, until the signal. */
async function* looks({ client }: Mesh, intervalMs: number, signal: AbortSignal): AsyncGenerator<Look> {
  const seen = new StepsSeen();
  await client.watch((body) => {
    const event = JobEvent.safeParse(body).data;
    if (event) seen.hear(event, Date.now());
  });
  let lookedMs = performance.now();
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const status = await client.status();
    const elapsedMs = performance.now() - lookedMs;
    lookedMs += elapsedMs;
    const unix_ms = Date.now();
    yield { unix_ms, ...status, steps_per_second: (seen.take() / elapsedMs) * 1000, running: seen.running(unix_ms) };
  }
}
