/** What a part of the load test is given and what it comes back with. */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { Goal, Table } from '../../benchmarks/benchmark.ts';
import type { LinePlot } from '../report/line-plot.ts';
import type { ServiceName } from '../workload/published-traffic.ts';

/** Settings of a run, from the command line. */
export interface LoadOptions {
  readonly profile: DeviceProfile;
  /** Real ms for each simulated one, for what runs on the real mesh. */
  readonly timeScale: number;
  readonly steps: number;
  readonly seed: number;
  readonly traffic: ServiceName;
  /** Denoisers of the mesh and instances of what it is held against, where an experiment does not say otherwise. */
  readonly instances: number;
  /** ControlNet devices of the mesh. */
  readonly controlnets: number;
  /** lora actors of the mesh. */
  readonly loraActors: number;
  /** Pictures counted at each arrival rate. */
  readonly pictures: number;
  /** Arrival rates of `load`, parts of what a system can do at most. */
  readonly loads: readonly number[];
  /** Whether `load` reads LoRAs for the first time, or has them in the page cache. */
  readonly files: 'first' | 'cached' | 'both';
  /** The step that waits for LoRAs in `as-katz`. */
  readonly katzBound: number;
  /** How denoisers of the mesh run the two halves of guidance. */
  readonly guidance: 'joint' | 'split';
  /** `lora_start` and the like, for requests with LoRAs to the mesh. */
  readonly request: Partial<GenerateInput>;
  /** Further variables of every service of the mesh. */
  readonly env: Readonly<Record<string, string>>;
  readonly isQuick: boolean;
  readonly note: (text: string) => void;
}

/** See the head of this file. */
export interface LoadFinding {
  readonly tables: readonly (Table & { readonly title: string })[];
  readonly goals: readonly Goal[];
  readonly plots: readonly LinePlot[];
  /** Every single measurement. JSON. */
  readonly samples: unknown;
}

/** One part of the load test. */
export interface Experiment {
  /** Kebab-case: names the files of its results, `load-<name>`. */
  readonly name: string;
  readonly title: string;
  readonly measured: string;
  readonly notMeasured: string;
  readonly run: (options: LoadOptions) => Promise<LoadFinding>;
}
