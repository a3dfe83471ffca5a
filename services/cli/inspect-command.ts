/** `latentmesh models inspect`: what a file or a folder is, and whether it will load. Needs no mesh. */
import { inspectModel } from '#shared/checkpoint/inspect/inspect.ts';
import { inspectText } from './inspect-text.ts';
import { EXIT } from './report.ts';

/** Prints the report; the status tells whether it loads. @throws MeshError FILE_UNREADABLE */
export async function inspect(
  path: string,
  flags: { readonly model?: string; readonly json?: boolean },
): Promise<void> {
  const report = await inspectModel(path, { model: flags.model });
  process.stdout.write(`${flags.json ? JSON.stringify(report) : inspectText(report)}\n`);
  if (!report.loads) process.exitCode = EXIT.failed;
}
