/** How busy a gateway is, and how it ends: first nothing new, then what it has, and when that takes too long, without it. */
import type { Subscription } from '#shared/bus/bus.ts';
import type { ServiceParts } from '#shared/service/run-service.ts';
import type { Jobs } from './jobs.ts';
import type { Outcomes } from './outcomes.ts';

/** What has to end. */
export interface GatewayActorParts {
  readonly jobs: Pick<Jobs, 'load' | 'stop'>;
  readonly outcomes: Pick<Outcomes, 'stop'>;
  /** The taking of jobs from the queue. */
  readonly work: Subscription;
  readonly http: { close(): Promise<unknown> };
  /** Jobs at once. */
  readonly capacity: () => number;
}

/** See the head of this file. */
export function gatewayActor({ jobs, outcomes, work, http, capacity }: GatewayActorParts): ServiceParts['actor'] {
  return {
    get load() {
      return jobs.load;
    },
    get capacity() {
      return capacity();
    },
    drain: async () => {
      await Promise.all([http.close(), work.drain()]);
    },
    stop: async () => {
      jobs.stop();
      outcomes.stop();
    },
  };
}
