import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { program } from '../../../services/cli/commands.ts';
import { completionScript } from '../../../services/cli/completion.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();

/** What bash offers for the words that are typed. */
function offered(...words: string[]): string[] {
  const file = join(folder, 'completion.bash');
  writeFileSync(file, completionScript(program, 'bash'));
  const script = `source ${file}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _latentmesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

describe('command line — completion', () => {
  it('offers the commands', () => {
    expect(offered('latentmesh', 'do')).toEqual(['down', 'doctor']);
  });

  it('offers the flags of a command, and the values of a flag', () => {
    expect(offered('latentmesh', 'generate', '--ste')).toEqual(['--steps']);
    expect(offered('latentmesh', 'generate', '--priority', '')).toEqual(['low', 'normal', 'high']);
    expect(offered('latentmesh', 'list', 's')).toEqual(['samplers', 'schedules']);
  });

  it.each(['zsh', 'fish'] as const)('names every command to %s', (shell) => {
    const script = completionScript(program, shell);
    for (const { name } of program.commands.map((command) => ({ name: command.name() })))
      expect(script).toContain(name);
  });

  it.for(['bash', 'zsh', 'fish'] as const)('is a script that %s can read', (shell, { skip }) => {
    if (spawnSync(shell, ['--version']).error) skip(`no ${shell} here`);
    const { status, stderr } = spawnSync(shell, ['-n'], { input: completionScript(program, shell), encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
