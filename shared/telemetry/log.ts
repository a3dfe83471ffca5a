/** Logs: pino lines on stderr, each with the trace it belongs to. Prompts are never logged. */
import { pino } from 'pino';
import { activeTraceId } from './tracing.ts';

/** What the house logs with. */
export interface Log {
  debug(fields: Record<string, unknown>, text: string): void;
  info(fields: Record<string, unknown>, text: string): void;
  warn(fields: Record<string, unknown>, text: string): void;
  error(fields: Record<string, unknown>, text: string): void;
}

/** What people wrote is theirs, also where somebody logs a whole request or job. */
const PRIVATE_FIELDS = ['prompt', 'prompts', 'negative_prompt', 'negative_prompts'];

/** A log of one process. Stdout stays free for what a program prints. */
export function createLog(options: { role: string; instance: string; logLevel: string }): Log {
  const destination = pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level: options.logLevel,
      base: { role: options.role, instance: options.instance },
      redact: { paths: PRIVATE_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[prompt]' },
      mixin: () => {
        const traceId = activeTraceId();
        return traceId ? { trace_id: traceId } : {};
      },
    },
    destination,
  );
}
