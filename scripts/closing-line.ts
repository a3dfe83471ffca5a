/**
 * A vitest reporter for the end of a run: which tests were skipped and why, and as the very last line
 * `N passed, N failed, N skipped`. The line is also left in `.latentmesh/test-counts.txt`, where `.ci/run` finds it.
 *
 * A file that cannot be loaded, a hook that throws and an error outside any test count as one failure each.
 */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

const COUNTS_PATH = '.latentmesh/test-counts.txt';

/** See the head of this file. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    const failed = count('failed') + errorsOutsideTests(modules) + unhandledErrors.length;
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    const line = `${count('passed')} passed, ${failed} failed, ${skipped.length} skipped\n`;
    mkdirSync(dirname(COUNTS_PATH), { recursive: true });
    writeFileSync(COUNTS_PATH, line);
    // The other reporters still print their summaries: ours comes when nothing else can.
    process.once('exit', () => writeSync(process.stdout.fd, skipped.map(skippedLine).join('') + line));
  }
}

function errorsOutsideTests(modules: readonly TestModule[]): number {
  const parts = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  return parts.reduce((sum, part) => sum + part.errors().length, 0);
}

function skippedLine(test: TestCase): string {
  const result = test.result();
  const reason = (result.state === 'skipped' && result.note) || 'no reason given: use context.skip(reason)';
  return `skipped: ${test.module.relativeModuleId} > ${test.fullName} (${reason})\n`;
}
