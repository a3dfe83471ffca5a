/** `latentmesh doctor`: what is missing here, and the command that mends it. */
import { styleText } from 'node:util';
import { checkMachine } from '#infra/doctor/checks.ts';
import type { Finding } from '#infra/doctor/finding.ts';
import { EXIT } from './report.ts';

const SIGNS = { ok: ['✓', 'green'], note: ['·', 'yellow'], missing: ['✗', 'red'] } as const;

/** Runs the command; its status is that of an error when something is missing without which no mesh runs. */
export async function doctor({ json }: { readonly json?: boolean }): Promise<void> {
  const findings = await checkMachine();
  process.stdout.write(json ? `${JSON.stringify({ findings })}\n` : doctorText(findings));
  if (findings.some(({ severity }) => severity === 'missing')) process.exitCode = EXIT.failed;
}

/** A line for each finding, its remedy below it, and a verdict. */
export function doctorText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const lines = findings.flatMap(({ what, severity, found, remedy }) => {
    const [sign, colour] = SIGNS[severity];
    const head = `${styleText(colour, sign, { stream: process.stdout })} ${what.padEnd(width)}  ${found}`;
    return remedy ? [head, `${' '.repeat(width + 4)}→ ${remedy}`] : [head];
  });
  const missing = findings.filter(({ severity }) => severity === 'missing').length;
  const verdict =
    missing === 0 ? 'A mesh can run here.' : `${missing} missing: no mesh runs here until that is mended.`;
  return `${lines.join('\n')}\n\n${verdict}\n`;
}
