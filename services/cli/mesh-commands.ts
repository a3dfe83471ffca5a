/** The commands around a mesh rather than a picture, as a table: start, end and mend it. */
import { Argument, type Command } from 'commander';

const JSON_FLAG = ['--json', 'print the result, or the error, as JSON on stdout'] as const;

/** Adds them to the program. */
export function addMeshCommands(program: Command): void {
  program
    .command('up')
    .description('start a mesh on this machine and leave it running')
    .argument('[options...]', 'those of `npm start`, behind --')
    .option(...JSON_FLAG)
    .action(async (args: string[], flags: object) => (await import('./up-command.ts')).up(args, flags));

  program
    .command('down')
    .description('end the mesh of this machine in order; what runs is finished first')
    .option('--now', 'give up what runs')
    .option(...JSON_FLAG)
    .action(async (flags: object) => (await import('./up-command.ts')).down(flags));

  program
    .command('doctor')
    .description('find what is missing, and say the command that mends it')
    .option(...JSON_FLAG)
    .action(async (flags: object) => (await import('./doctor-command.ts')).doctor(flags));

  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('./completion.ts');
      process.stdout.write(completionScript(program, shell));
    });
}
