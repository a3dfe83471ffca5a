/** Whether a program that some tests need is on the PATH; the reason to skip them when it is not. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

/** The reason, undefined where it is there. */
export async function missingTool(name: string, hint: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(':').filter(Boolean)) {
    const found = await access(join(folder, name), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return undefined;
  }
  return `there is no ${name}: ${hint}`;
}
