import { describe, expect, it } from 'vitest';
import { ROLES } from '#infra/mesh/options.ts';
import { otlpReceiver, plain, spansIn } from '../../otlp-receiver.ts';
import { TestMesh } from '../mesh-kit.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';

describe('OTLP — a job at a back end that is not ours', () => {
  it('one trace out of every process, in the words of OpenTelemetry, without the prompt', async () => {
    await using collector = await otlpReceiver();
    await using mesh = await TestMesh.start({
      model: 'small',
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
    });
    const request = { prompt: 'a secret wish', seed: 7, steps: 2 };
    await mesh.generate(request, { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01` });
    const ofJob = () => spansIn(collector.received).filter(({ traceId }) => traceId === TRACE_ID);
    const wanted = ['generate', 'job', 'text-encoder.encode', 'denoiser.denoise', 'vae.decode', 'step'];
    await collector.until(() => wanted.every((name) => ofJob().some((span) => span.name === name)));

    const spans = ofJob();
    const span = (name: string) => spans.find((one) => one.name === name)!;
    expect(span('generate').parentSpanId).toBe(PARENT_ID);
    expect(plain(span('generate').attributes)).toMatchObject({
      'gen_ai.operation.name': 'generate_content',
      'gen_ai.output.type': 'image',
      'gen_ai.request.seed': 7,
    });
    expect(plain(span('job').attributes)).toMatchObject({
      'messaging.system': 'nats',
      'messaging.operation.type': 'process',
    });
    expect(plain(span('vae.decode').attributes)).toMatchObject({ 'messaging.destination.template': 'vae.decode' });
    const services = new Set(spans.map(({ resource }) => resource['service.name']));
    const busy = ROLES.filter((role) => role !== 'controlnet' && role !== 'lora');
    expect([...services].toSorted()).toEqual(busy.map((role) => `latentmesh-${role}`).toSorted());
    expect(JSON.stringify(spans)).not.toContain('secret');
  });
});
