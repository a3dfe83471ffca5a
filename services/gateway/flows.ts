/** What flows between instances, read from their spans: each call of one actor by another, with the bytes of its tensors. */
import type { Flow, FlowKind } from '#shared/contracts/mesh-watch.ts';
import type { SpanAttribute, SpanRecord } from '#shared/contracts/span.ts';

/** By operation; what carries no tensors worth showing is left out. */
const KINDS: Readonly<Record<string, { readonly request?: FlowKind; readonly reply?: FlowKind }>> = {
  'text-encoder.encode': { reply: 'embeddings' },
  'lora.patch': { reply: 'factors' },
  'controlnet.open': { request: 'pixels' },
  'controlnet.step': { request: 'latents', reply: 'residuals' },
  'denoiser.denoise': { request: 'embeddings', reply: 'latents' },
  'denoiser.assist': { request: 'embeddings' },
  'denoiser.assist-step': { request: 'latents', reply: 'latents' },
  'vae.decode': { request: 'latents', reply: 'pixels' },
  'vae.encode': { request: 'pixels', reply: 'latents' },
};

/** Both ways of a call; nothing for a span that is none. */
export function flowsOf({ kind, name, instance, attributes }: SpanRecord): Flow[] {
  const kinds = KINDS[name.replace(/^call /, '')];
  const callee = attributes['latentmesh.instance'];
  if (kind !== 'client' || !kinds || typeof callee !== 'string') return [];
  const { request, reply } = kinds;
  const sent = { from: instance, to: callee, route: 'nats', bytes: bytesOf(attributes['latentmesh.request_bytes']) };
  const route = String(attributes['latentmesh.route'] ?? 'inline');
  const got = { from: callee, to: instance, route, bytes: bytesOf(attributes['latentmesh.reply_bytes']) };
  return [
    ...(request ? [{ ...sent, kind: request, count: 1 }] : []),
    ...(reply ? [{ ...got, kind: reply, count: 1 }] : []),
  ];
}

/** Flows alike as one. */
export function sumFlows(flows: readonly Flow[]): Flow[] {
  const alike = Map.groupBy(flows, ({ from, to, kind, route }) => `${from} ${to} ${kind} ${route}`);
  return [...alike.values()].map((group) => ({
    ...group[0]!,
    bytes: group.reduce((sum, { bytes }) => sum + bytes, 0),
    count: group.length,
  }));
}

function bytesOf(value: SpanAttribute | undefined): number {
  return typeof value === 'number' ? value : 0;
}
