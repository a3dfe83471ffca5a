/** The commands around a mesh rather than a picture, as a table: start, end, watch, measure and mend it. */
import { Argument, type Command, Option } from 'commander';
import { decimalNumber, wholeNumber } from './number-flag.ts';

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
    .command('restart')
    .description('replace every process of the mesh, one after the other, without a failed job')
    .option(...JSON_FLAG)
    .action(async (flags: object) => (await import('./restart-command.ts')).restart(flags));

  program
    .command('jobs')
    .description('list jobs, newest first')
    .addOption(
      new Option('--state <state>', 'only those').choices(['queued', 'running', 'done', 'failed', 'cancelled']),
    )
    .option('--client <id>', 'only those of one client')
    .option('--limit <n>', 'how many', wholeNumber)
    .option(...JSON_FLAG)
    .action(async (flags: object) => (await import('./jobs-command.ts')).jobs(flags));

  for (const what of ['models', 'loras', 'controlnets', 'samplers', 'schedules'] as const) {
    const command = program
      .command(what)
      .description(`list ${what}: the same as \`list ${what}\``)
      .option(...JSON_FLAG)
      .action(async (flags: object) => (await import('./status-command.ts')).list(what, flags));
    if (what === 'models') addInspect(command);
  }

  program
    .command('top')
    .description('watch the mesh: actors, devices, queue, steps a second, what is resident')
    .option('--once', 'print it once')
    .option('--interval <seconds>', 'between two looks', decimalNumber)
    .option('--json', 'one line of JSON for each look')
    .action(async (flags: object) => (await import('./top-command.ts')).top(flags));

  program
    .command('bench')
    .description('measure the mesh that runs: latency and pictures a second')
    .argument('[prompt]', 'what to make', 'a red boat on the sea')
    .option('--jobs <n>', 'how many to make', wholeNumber)
    .option('--at-once <n>', 'how many to have in the mesh at a time', wholeNumber)
    .option('--steps <n>', 'denoising steps', wholeNumber)
    .option(...JSON_FLAG)
    .action(async (prompt: string, flags: object) => (await import('./bench-command.ts')).bench(prompt, flags));

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

/** Needs no mesh: it looks at the disk. */
function addInspect(models: Command): void {
  models
    .command('inspect')
    .description('tell what a model file or folder is made of, and whether it will load')
    .argument('<path>', 'checkpoint, VAE, ControlNet, LoRA, embedding: file or folder')
    .option('--model <path>', 'checkpoint that a LoRA is held against')
    .option(...JSON_FLAG)
    .action(async (path: string, _: object, command: Command) =>
      (await import('./inspect-command.ts')).inspect(path, command.optsWithGlobals()),
    );
}
