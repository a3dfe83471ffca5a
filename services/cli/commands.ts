/** The commands and flags of `latentmesh`, as a table. What they do is loaded when one is called. */
import { Argument, Command, Option } from 'commander';
import { PREPROCESSOR_NAMES } from '#shared/contracts/choices.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { GenerateFlags } from './generate-request.ts';
import { addMeshCommands } from './mesh-commands.ts';
import { decimalNumber, wholeNumber } from './number-flag.ts';
import { EXIT } from './report.ts';
import { addSamplingOptions } from './sampling-flags.ts';
import { addSizeOptions } from './size-flags.ts';
import { addSpeedOptions } from './speed-flags.ts';
import { addStartOptions } from './start-flags.ts';
import type { Listed } from './status-command.ts';
import { parseControlNet, parseLora, parseLoraStart } from './units.ts';

const JSON_FLAG = ['--json', 'print the result, or the error, as JSON on stdout'] as const;
const AFTER_HELP = `
The mesh is the one at NATS_URL, else the one that \`npm start\` runs on this machine.
Exit status: ${EXIT.done} done, ${EXIT.failed} error, ${EXIT.usage} wrong usage, ${EXIT.interrupted} interrupted.`;
const repeatable =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): T[] => [...before, parse(text)];

/** See the head of this file. */
export const program: Command = new Command('latentmesh')
  .description('Stable Diffusion on a mesh of actors over NATS.')
  .version(packageJson.version)
  .exitOverride()
  .addHelpText('after', AFTER_HELP);

addSpeedOptions(addStartOptions(addSizeOptions(addSamplingOptions(program.command('generate')))))
  .description('make a picture, on the mesh that runs or on one started for this command')
  .argument('<prompt>', 'what to see')
  .option('--model <path>', 'checkpoint: a diffusers folder or a .safetensors file; a mesh that runs must serve it')
  .option('--negative <prompt>', 'what not to see')
  .option('--width <pixels>', 'a multiple of 8', wholeNumber)
  .option('--height <pixels>', 'a multiple of 8', wholeNumber)
  .option('--steps <n>', 'denoising steps', wholeNumber)
  .option('--guidance <scale>', 'how closely to follow the prompt', decimalNumber)
  .option('--seed <n>', 'of the first picture; the next ones count up', wholeNumber)
  .option('--batch <n>', 'pictures', wholeNumber)
  .option('--clip-skip <n>', 'layer of the text encoder, counted from the end', wholeNumber)
  .option('--controlnet <name:image[@scale[:start-end]]>', 'repeatable', repeatable(parseControlNet))
  .addOption(
    new Option('--preprocessor <name>', 'how a ControlNet image becomes its hint')
      .choices(PREPROCESSOR_NAMES)
      .default('canny'),
  )
  .option('--guess-mode', 'ControlNets act without the prompt')
  .option('--lora <name[@weight]>', 'repeatable; NAME@TE:UNET for a weight of each part', repeatable(parseLora))
  .option('--lora-start <when>', 'exact, at:STEP or max:STEPS: when LoRAs enter the denoising', parseLoraStart)
  .addOption(new Option('--priority <class>', 'in the queue').choices(['low', 'normal', 'high']))
  .option('--client <id>', 'whom the job is for: clients take turns in the queue')
  .option('--timeout <seconds>', 'time for the whole job', decimalNumber)
  .option('-o, --output <file>', 'where to save; {n}, {seed} and {job} are filled in', 'latentmesh-{job}.png')
  .option(...JSON_FLAG)
  .action(async (prompt: string, flags: GenerateFlags) => {
    const { generate } = await import('./generate-command.ts');
    await generate(prompt, flags);
  });

program
  .command('trace')
  .description('show where the time of a job went, over all processes')
  .argument('[job]', 'the last one by default')
  .option('--width <columns>', 'of the text', wholeNumber)
  .option('--all', 'also each of the spans that repeat')
  .addOption(
    new Option('--format <name>', 'text, the spans as JSON, or a file for Perfetto and chrome://tracing').choices([
      'text',
      'json',
      'chrome',
      'perfetto',
    ]),
  )
  .option('-o, --output <file>', 'where to write instead of stdout')
  .option(...JSON_FLAG)
  .action(async (job: string | undefined, flags: object) => {
    const { trace } = await import('./trace-command.ts');
    await trace(job, flags);
  });

program
  .command('status')
  .description('show the instances of the mesh and what they hold')
  .option(...JSON_FLAG)
  .action(async (flags: object) => (await import('./status-command.ts')).status(flags));

program
  .command('list')
  .description('print names, one a line')
  .addArgument(new Argument('<what>').choices(['models', 'samplers', 'schedules', 'controlnets', 'loras']))
  .option(...JSON_FLAG)
  .action(async (what: Listed, flags: object) => (await import('./status-command.ts')).list(what, flags));

program
  .command('cancel')
  .description('cancel a job')
  .argument('[job]', 'the last one by default')
  .option(...JSON_FLAG)
  .action(async (job: string | undefined, flags: object) => (await import('./status-command.ts')).cancel(job, flags));

addMeshCommands(program);
