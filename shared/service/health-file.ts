/**
 * Tells an orchestrator on this machine how the process is: a file written anew with each heartbeat. Its age says whether
 * the process lives, its word whether it can work. `infra/container/healthy.sh` reads it.
 */
import { rmSync, writeFileSync } from 'node:fs';

/** `leaving`: it drains, and takes nothing new. */
export type Health = 'ready' | 'disconnected' | 'leaving';

/** Writes the word; without a path nothing. Must not throw: a full disk is no reason to stop working. */
export function writeHealth(path: string | undefined, health: Health): void {
  if (path === undefined) return;
  try {
    writeFileSync(path, health);
  } catch {
    // Whoever reads it sees it grow old.
  }
}

/** What a former process in the same place has left would speak for this one. */
export function clearHealth(path: string | undefined): void {
  if (path !== undefined) rmSync(path, { force: true });
}
