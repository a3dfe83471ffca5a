/** The training steps that consistency models were distilled at, and a run's choice of them (LCM, TCD). */
import { readNumber, type SchedulerConfig } from './scheduler-config.ts';

/** How many there are. @throws MeshError CONFIG_INVALID when the config names more than there are training steps */
export function readDistilledSteps(config: SchedulerConfig, trainTimesteps: number): number {
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= trainTimesteps;
  return readNumber(config, 'original_inference_steps', 50, isCount);
}

/** Of the timesteps that the model was distilled at, n evenly from the top. */
export function distilledTimesteps(trainTimesteps: number, distilledSteps: number, steps: number): number[] {
  const stride = Math.floor(trainTimesteps / distilledSteps);
  return Array.from({ length: steps }, (_, i) => {
    const fromTop = Math.floor(i * (distilledSteps / steps));
    return (distilledSteps - fromTop) * stride - 1;
  });
}
