/** The `latentmesh` command: runs it, and tells how it ended. */
import { CommanderError } from 'commander';
import { MeshError } from '#shared/errors/errors.ts';
import { program } from './commands.ts';
import { EXIT, reportError } from './report.ts';

/** Commander has told people on stderr; programs read stdout. */
function wrongUsage({ message }: CommanderError, json: boolean): number {
  if (json) reportError(new MeshError('INVALID_REQUEST', message.replace(/^error: /, '')), { json });
  return EXIT.usage;
}

/** The status of the command, after its error was told. */
function fail(thrown: unknown): number {
  const json = process.argv.includes('--json');
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : wrongUsage(thrown, json);
  reportError(MeshError.from(thrown), { json });
  return process.exitCode === EXIT.interrupted ? EXIT.interrupted : EXIT.failed;
}

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = fail(thrown);
}
// A request that was sent again after a lost connection leaves a timer behind.
process.exit();
