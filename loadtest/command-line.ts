/** The command line of the load test. */
import { parseArgs } from 'node:util';
import { readProfile, SIMULATED } from '#shared/config/simulation.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { LoadOptions } from './experiments/experiment.ts';
import { KATZ_BOUND } from './systems/as-katz.ts';
import { PUBLISHED, type ServiceName } from './workload/published-traffic.ts';

/** What `--help` prints. */
export function usage(experiments: readonly string[]): string {
  return `Usage: npm run load -- [options]

  --profile NAME         what the devices imitate: a file of loadtest/profiles, or a path (default: h800-sdxl)
  --only NAME            one of ${experiments.join(', ')}; repeatable
  --quick                few pictures and small meshes: to see that it works
  --time-scale N         real ms for each simulated one around the real mesh (default: 4)
  --traffic A|B          which of the published services (default: A)
  --instances N          denoisers, and instances of what the mesh is held against (default: 8)
  --controlnets N        ControlNet devices of the mesh (default: as many as denoisers)
  --lora-actors N        (default: 1)
  --pictures N           counted at each arrival rate (default: 240)
  --loads LIST           arrival rates of load, % of what a system can do (default: 25,50,75,90)
  --files first|cached|both
                         whether load reads LoRAs for the first time (default: both)
  --steps N              (default: 50)
  --seed N               of arrivals and adapters (default: 1)
  --lora-start JSON      "exact", {"at_step":K}, {"max_steps":K} (default: {"max_steps":20}, the bound of Katz's artifact)
  --guidance joint|split how denoisers of the mesh run the two halves (default: joint; alone measures both)
  --katz-bound K         the step at which as-katz waits for LoRAs (default: ${KATZ_BOUND}; the paper says 10)
  --env NAME=VALUE       for every service of the mesh; repeatable
  --help                 this text
`;
}

/** A checked command line; `only` names the experiments that were asked for, none for all. */
export interface CommandLine {
  readonly only: readonly string[];
  readonly isHelp: boolean;
  readonly options: Omit<LoadOptions, 'note'>;
}

const FLAGS = {
  profile: { type: 'string', default: 'h800-sdxl' },
  only: { type: 'string', multiple: true, default: [] as string[] },
  quick: { type: 'boolean', default: false },
  'time-scale': { type: 'string', default: '4' },
  traffic: { type: 'string', default: 'A' },
  instances: { type: 'string' },
  controlnets: { type: 'string' },
  'lora-actors': { type: 'string', default: '1' },
  pictures: { type: 'string' },
  loads: { type: 'string' },
  files: { type: 'string', default: 'both' },
  steps: { type: 'string', default: '50' },
  seed: { type: 'string', default: '1' },
  'lora-start': { type: 'string', default: '{"max_steps":20}' },
  guidance: { type: 'string', default: 'joint' },
  'katz-bound': { type: 'string', default: String(KATZ_BOUND) },
  env: { type: 'string', multiple: true, default: [] as string[] },
  help: { type: 'boolean', default: false },
} as const;

/** @throws MeshError CONFIGURATION naming the flag that is wrong */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({ args: [...args], options: FLAGS });
  const instances = positive('instances', values.instances ?? (values.quick ? '2' : '8'));
  return {
    only: values.only,
    isHelp: values.help,
    options: {
      profile: readProfile(SIMULATED + values.profile),
      timeScale: positive('time-scale', values['time-scale']),
      steps: positive('steps', values.steps),
      seed: positive('seed', values.seed),
      traffic: serviceName(values.traffic),
      instances,
      controlnets: positive('controlnets', values.controlnets ?? String(instances)),
      loraActors: positive('lora-actors', values['lora-actors']),
      pictures: positive('pictures', values.pictures ?? (values.quick ? '12' : '240')),
      loads: (values.loads ?? (values.quick ? '50' : '25,50,75,90'))
        .split(',')
        .map((part) => positive('loads', part) / 100),
      files: files(values.files),
      katzBound: positive('katz-bound', values['katz-bound']),
      guidance: guidance(values.guidance),
      request: { lora_start: loraStart(values['lora-start']) },
      env: Object.fromEntries(values.env.map(variable)),
      isQuick: values.quick,
    },
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value;
  throw wrong(flag, text, 'a number above 0');
}

function serviceName(text: string): ServiceName {
  if (Object.hasOwn(PUBLISHED, text)) return text as ServiceName;
  throw wrong('traffic', text, Object.keys(PUBLISHED).join(' or '));
}

function files(text: string): LoadOptions['files'] {
  if (text === 'first' || text === 'cached' || text === 'both') return text;
  throw wrong('files', text, 'first, cached or both');
}

function guidance(text: string): LoadOptions['guidance'] {
  if (text === 'joint' || text === 'split') return text;
  throw wrong('guidance', text, 'joint or split');
}

/** Checked by the mesh itself; here only that it is JSON, or the one word. */
function loraStart(text: string): NonNullable<GenerateInput['lora_start']> {
  if (text === 'exact') return text;
  try {
    return JSON.parse(text) as NonNullable<GenerateInput['lora_start']>;
  } catch {
    throw wrong('lora-start', text, 'exact, {"at_step":K} or {"max_steps":K}');
  }
}

function variable(text: string): [string, string] {
  const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw wrong('env', text, 'NAME=VALUE');
  return [name, value!];
}

function wrong(flag: string, text: string, right: string): MeshError {
  return new MeshError('CONFIGURATION', `--${flag} ${text} is not understood: write ${right}.`, { flag });
}
