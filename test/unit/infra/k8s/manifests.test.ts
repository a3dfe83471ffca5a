import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ROLES } from '#infra/mesh/options.ts';
import { writeIdentities } from '#infra/nats/identities.ts';
import { KUBERNETES_FILE, writeKubernetes } from '#infra/nats/kubernetes.ts';
import { missingTool } from '../../../missing-tool.ts';
import { temporaryFolder } from '../../../temporary-folder.ts';

const root = resolve(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

/** As far as the tests look at one. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly scaleTargetRef?: { readonly name: string };
    readonly triggers?: readonly { readonly type: string; readonly metadata: Readonly<Record<string, string>> }[];
    readonly selector?: { readonly matchLabels?: object };
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly secret?: { readonly secretName: string } }[];
      };
    };
  };
  readonly data?: Readonly<Record<string, string>>;
}

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly resources: { readonly requests: Readonly<Record<string, string>> };
}

/** Source: keda.sh/docs/2.19/scalers/prometheus. KEDA's kinds are no part of Kubernetes' specification. */
const SCALED_OBJECT = {
  type: 'object',
  required: ['apiVersion', 'kind', 'metadata', 'spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['scaleTargetRef', 'triggers'],
      additionalProperties: false,
      properties: {
        scaleTargetRef: { type: 'object', required: ['name'] },
        minReplicaCount: { type: 'integer' },
        maxReplicaCount: { type: 'integer' },
        pollingInterval: { type: 'integer' },
        cooldownPeriod: { type: 'integer' },
        advanced: { type: 'object' },
        triggers: {
          type: 'array',
          items: {
            type: 'object',
            required: ['type', 'metadata'],
            properties: {
              type: { const: 'prometheus' },
              metadata: {
                type: 'object',
                required: ['serverAddress', 'query', 'threshold'],
                additionalProperties: { type: 'string' },
              },
            },
          },
        },
      },
    },
  },
};

const schema = JSON.parse(read('test/golden/data/k8s/kubernetes-1.31.json')) as {
  readonly kinds: Readonly<Record<string, object>>;
  readonly $defs: object;
};
const ajv = new Ajv({ strict: false, allErrors: true });

/** What is wrong with a manifest, by the specification of its kind. */
function problems(manifest: Manifest): string[] {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  const known = kind === 'keda.sh/v1alpha1 ScaledObject' ? SCALED_OBJECT : schema.kinds[kind];
  if (!known) return [`${kind} is not in the specification`];
  const isValid = ajv.validate({ ...known, $defs: schema.$defs }, manifest);
  const at = `${manifest.kind} ${manifest.metadata.name}`;
  return isValid
    ? []
    : ajv.errors!.map(
        ({ instancePath, message, params }) => `${at} ${instancePath} ${message} ${JSON.stringify(params)}`,
      );
}

const noKubectl = await missingTool('kubectl', 'it builds the overlays (kubectl kustomize)');
const OVERLAYS = ['laptop', 'gpu'];

const folder = await temporaryFolder();

const built = new Map<string, Promise<Manifest[]>>();

/** Once for each overlay. */
function build(overlay: string): Promise<Manifest[]> {
  const building = built.get(overlay) ?? buildAnew(overlay);
  built.set(overlay, building);
  return building;
}

async function buildAnew(overlay: string): Promise<Manifest[]> {
  const { stdout } = await promisify(execFile)('kubectl', ['kustomize', resolve(root, 'infra/k8s/overlays', overlay)]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

describe.skipIf(noKubectl)(`manifests — what kustomize builds${noKubectl ? ` (skipped: ${noKubectl})` : ''}`, () => {
  it.each(OVERLAYS)('%s: every field is one of its kind', async (overlay) => {
    expect((await build(overlay)).flatMap(problems)).toEqual([]);
  });

  it.each(OVERLAYS)(
    '%s: every role has a deployment that a service, a budget and the compose file agree with',
    async (overlay) => {
      const manifests = await build(overlay);
      const named = (kind: string) => manifests.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name);
      expect(named('Deployment').toSorted()).toEqual(ROLES.toSorted());
      expect(named('PodDisruptionBudget').toSorted()).toEqual(ROLES.toSorted());
      for (const { metadata, spec } of manifests.filter(({ kind }) => kind === 'Deployment')) {
        const [container] = spec.template.spec.containers;
        expect(container!.args).toEqual([`services/${metadata.name}/main.ts`]);
        expect(spec.template.metadata.labels).toMatchObject(spec.selector!.matchLabels!);
      }
    },
  );

  it.each(OVERLAYS)('%s: the time to end fits the time for running work', async (overlay) => {
    const manifests = await build(overlay);
    const config = manifests.find(({ kind, data }) => kind === 'ConfigMap' && data!.LATENTMESH_GRACE_MS)!.data!;
    for (const { spec } of manifests.filter(({ kind }) => kind === 'Deployment')) {
      const graceMs = spec.template.spec.terminationGracePeriodSeconds * 1000;
      expect(graceMs).toBeGreaterThan(Number(config.LATENTMESH_GRACE_MS) + 1500);
    }
  });

  it.each(OVERLAYS)('%s: sets only variables that services read', async (overlay) => {
    const manifests = await build(overlay);
    const inMaps = manifests.flatMap(({ kind, data }) =>
      kind === 'ConfigMap' && data!.NATS_URL ? Object.keys(data!) : [],
    );
    const inContainers = manifests
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap(({ spec }) => spec.template.spec.containers.flatMap(({ env }) => env.map(({ name }) => name)));
    const known = read('shared/config/config.ts');
    expect([...inMaps, ...inContainers].filter((name) => !known.includes(`${name}:`))).toEqual([]);
  });

  it.each(OVERLAYS)('%s: each role has the key of its own, a gateway that of a client too', async (overlay) => {
    for (const { metadata, spec } of (await build(overlay)).filter(({ kind }) => kind === 'Deployment')) {
      const { containers, volumes } = spec.template.spec;
      const mounted = volumes.flatMap(({ secret }) => secret?.secretName ?? []).filter((name) => /nkey/.test(name));
      const own = `latentmesh-nkey-${metadata.name}`;
      expect(mounted).toEqual(metadata.name === 'gateway' ? [own, 'latentmesh-nkey-client'] : [own]);
      const file = containers[0]!.env.find(({ name }) => name === 'LATENTMESH_NATS_NKEY_FILE')!.value;
      expect(file).toBe(`/keys/${metadata.name}/${metadata.name}.nk`);
    }
  });

  it.each(OVERLAYS)('%s: a gateway that others reach has API keys, or says that it has none', async (overlay) => {
    const { data } = (await build(overlay)).find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('latentmesh'),
    )!;
    expect(Boolean(data!.LATENTMESH_API_KEYS) !== (data!.LATENTMESH_HTTP_OPEN === 'true')).toBe(true);
  });

  it('the keys that `npm run nats-keys -- --kubernetes` makes are those that pods and NATS mount', async () => {
    await writeIdentities(folder);
    await writeKubernetes(folder);
    const { items } = JSON.parse(readFileSync(join(folder, KUBERNETES_FILE), 'utf8')) as { items: Manifest[] };
    expect(items.flatMap(problems)).toEqual([]);
    const made = items.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const text = JSON.stringify(await build('laptop')) + read('infra/k8s/nats-values.yaml');
    const wanted = text.match(/latentmesh-nkey-[a-z-]+|latentmesh-nats-authorization/g)!;
    for (const name of new Set(wanted)) expect(made.join('\n')).toContain(` ${name}`);
  });

  it('gpu: a device for each that computes, and replicas by metrics that there are', async () => {
    const manifests = await build('gpu');
    const devices = manifests
      .filter(({ kind }) => kind === 'Deployment')
      .filter(({ spec }) => spec.template.spec.containers[0]!.resources.requests['nvidia.com/gpu'] === '1');
    expect(devices.map(({ metadata }) => metadata.name).toSorted()).toEqual(['controlnet', 'denoiser', 'vae']);
    const scaled = manifests.filter(({ kind }) => kind === 'ScaledObject');
    expect(scaled.map(({ spec }) => spec.scaleTargetRef!.name).toSorted()).toEqual(['controlnet', 'denoiser', 'vae']);
    const queries = scaled.flatMap(({ spec }) => spec.triggers!.map(({ metadata }) => metadata.query!)).join('\n');
    const served = read('services/gateway/metrics.ts') + read('shared/telemetry/metric-table.ts');
    for (const name of new Set(queries.match(/latentmesh_[a-z_]+/g))) expect(served).toContain(name);
  });

  it('the check itself finds a field that is misspelt, one that is missing, and one of another type', () => {
    const pod = { containers: [{ name: 'a', readOnlyRootFileSystem: true }] };
    const wrong = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x' },
      spec: { replicas: '2', template: { spec: pod } },
    };
    const found = problems(wrong as unknown as Manifest).join('\n');
    expect(found).toContain('readOnlyRootFileSystem');
    expect(found).toContain('"missingProperty":"selector"');
    expect(found).toContain('/spec/replicas must be integer');
  });
});
