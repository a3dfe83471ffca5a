/** How every session is set up. Measured; each value that is not the default says why. */
import type { InferenceSession } from 'onnxruntime-node';
import type { WorkerSetup } from '../protocol.ts';

/** folder   where the graph's external data lies, when it has any */
export function sessionOptions({ provider, threads }: WorkerSetup, folder?: string): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // One block for all activations of a run, laid out after the first one, and given back at its end: half of what the
    // halves of a UNet keep for good in an arena each, at the same speed.
    enableCpuMemArena: false,
    enableMemPattern: true,
    // Errors only: they come as exceptions as well.
    logSeverityLevel: 3,
    // Values must be strings. Spinning burns 33 ms of CPU time after each run and slows other processes down.
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        ...(folder !== undefined && { model_external_initializers_file_folder_path: folder }),
      },
    },
  };
}
