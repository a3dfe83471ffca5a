/** Serves an operation of a contract on the bus: for any instance of the role, and for this one by its name. */
import type { Bus, CallContext, Subscription } from '#shared/bus/bus.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Operation } from '#shared/contracts/operation.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { type Message, message } from '#shared/wire/message.ts';

/** A request as an actor takes it: the checked body, its tensors, and the time it has. */
export interface ServedRequest<Body> {
  readonly body: Body;
  readonly tensors: TensorMap;
  readonly deadlineUnixMs: number;
}

/** A reply as an actor gives it. */
export interface ServedReply<Body> {
  readonly body: Body;
  readonly tensors?: TensorMap;
}

/** What answers an operation: an actor's entry, or a plain function where no state is involved. */
export type OperationHandler<Request, Reply> = (
  request: ServedRequest<Request>,
  signal: AbortSignal,
) => Promise<ServedReply<Reply>>;

/** An operation with what answers it. */
export interface ServedOperation {
  readonly role: string;
  readonly name: string;
  readonly handle: (request: Message, context: CallContext) => Promise<Message>;
}

/** Binds an operation to its handler: checks the body, opens the span. */
export function served<Request, Reply>(
  operation: Operation<Request, Reply>,
  handler: OperationHandler<Request, Reply>,
): ServedOperation {
  const { role, name } = operation;
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.template': `${role}.${name}`,
  };
  return {
    role,
    name,
    handle: (request, context) =>
      withSpan(`${role}.${name}`, { kind: 'server', parentHeaders: context.headers, attributes }, async () => {
        const parsed = operation.request.safeParse(request.body);
        if (!parsed.success) throw invalidBody(`${role}.${name}`, parsed.error.issues);
        const { tensors } = request;
        const reply = await handler(
          { body: parsed.data, tensors, deadlineUnixMs: context.deadlineUnixMs },
          context.signal,
        );
        return message(reply.body, reply.tensors ?? {});
      }),
  };
}

function invalidBody(operation: string, issues: readonly { path: PropertyKey[]; message: string }[]): MeshError {
  const problems = issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  const text = problems.map(({ path, message: why }) => `${path}: ${why}`).join('; ');
  return new MeshError('INVALID_REQUEST', `The request to ${operation} is not right. ${text}.`, { problems });
}

/** Puts an operation on the bus, under the role's queue group and under the instance's own subject. */
export function serveOperation(bus: Bus, operation: ServedOperation, instance: string): Subscription[] {
  const { role, name, handle } = operation;
  return [
    bus.serve(subjects.role(role, name), handle, { queue: role }),
    bus.serve(subjects.instance(role, name, instance), handle),
  ];
}
