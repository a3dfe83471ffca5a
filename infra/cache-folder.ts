/** Where what can be fetched or computed again is kept between runs: binaries, the generated checkpoint, compiled code. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CACHE_HOME/latentmesh`, by default `~/.cache/latentmesh`. Not created here. */
export function cacheFolder(env: Environment = process.env): string {
  // The XDG base directory specification says to ignore a relative path.
  const base = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(homedir(), '.cache');
  return join(base, 'latentmesh');
}
