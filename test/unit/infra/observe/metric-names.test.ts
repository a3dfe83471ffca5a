import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SPAN_METRICS } from '#shared/telemetry/metric-table.ts';
import { missingTool } from '../../../missing-tool.ts';
import { temporaryFolder } from '../../../temporary-folder.ts';

const root = resolve(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const RULES = 'infra/prometheus/latentmesh.rules.yml';
const DASHBOARD = 'infra/grafana/dashboards/latentmesh.json';

const noPromtool = await missingTool('promtool', 'the Debian package prometheus has it');
const skipped = noPromtool ? ` (skipped: ${noPromtool})` : '';

/** Every name that a gateway's page may hold. */
function served(): Set<string> {
  const histogram = (name: string) => [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  const ofSpans = Object.entries(SPAN_METRICS).flatMap(([name, { type }]) =>
    type === 'histogram' ? histogram(name) : [name],
  );
  const code = read('services/gateway/metrics.ts') + read('shared/service/process-metrics.ts');
  const others = code.match(/(?<=')(?:latentmesh|process)_[a-z_]+(?=')/g) ?? [];
  return new Set([...ofSpans, ...others]);
}

/** The names in expressions of PromQL. */
function named(text: string): Set<string> {
  return new Set(text.match(/\b(?:latentmesh|process)_[a-z_]+/g));
}

interface RuleFile {
  readonly groups: {
    rules: { record?: string; alert?: string; expr: string; annotations?: Record<string, string> }[];
  }[];
}
const rules = (parse(read(RULES)) as RuleFile).groups.flatMap((group) => group.rules);

interface Dashboard {
  readonly panels: { type: string; title: string; targets?: { expr: string; legendFormat: string }[] }[];
}
const { panels } = JSON.parse(read(DASHBOARD)) as Dashboard;
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

describe('dashboard and alerts — ask for what there is', () => {
  it.each([
    ['rules', rules.map(({ expr }) => expr).join('\n')],
    ['dashboard', expressions.join('\n')],
  ])('every metric of the %s is served', (_, text) => {
    const known = served();
    expect([...named(text)].filter((name) => !known.has(name))).toEqual([]);
    expect(named(text).size).toBeGreaterThan(5);
  });

  it('every recorded name of the dashboard is recorded', () => {
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    const asked = new Set(expressions.join('\n').match(/\blatentmesh:[a-z_:0-9]+/g));
    expect([...asked].filter((name) => !recorded.has(name))).toEqual([]);
  });

  it('docs/observability.md has every metric, and no other', () => {
    const described = new Set(read('docs/observability.md').match(/(?<=`)(?:latentmesh|process)_[a-z_]+/g));
    const known = [...served()].map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
    expect([...described].toSorted()).toEqual([...new Set(known)].toSorted());
  });

  it('every alert says what is wrong and what to do', () => {
    const mute = rules.filter(({ alert, annotations }) => alert && !(annotations?.summary && annotations.action));
    expect(mute).toEqual([]);
  });

  it.skipIf(noPromtool)(
    `the alerts fire when they should, and not before, as promtool tries them${skipped}`,
    async () => {
      const args = ['test', 'rules', resolve(root, 'infra/prometheus/latentmesh.rules.test.yml')];
      const { stdout, stderr } = await promisify(execFile)('promtool', args);
      expect(stdout + stderr).toContain('SUCCESS');
    },
  );

  it.skipIf(noPromtool)(`the configuration of Prometheus is one${skipped}`, async () => {
    const args = ['check', 'config', resolve(root, 'infra/prometheus/prometheus.yml')];
    expect((await promisify(execFile)('promtool', args)).stdout).toContain('SUCCESS');
  });

  it.skipIf(noPromtool)(`every expression of the dashboard is PromQL${skipped}`, async () => {
    const groups = [
      {
        name: 'dashboard',
        rules: expressions.map((expr, i) => ({
          record: `panel_${i}`,
          expr: expr.replaceAll('$__rate_interval', '1m'),
        })),
      },
    ];
    const file = join(await temporaryFolder(), 'dashboard.yml');
    await writeFile(file, JSON.stringify({ groups }));
    expect((await promisify(execFile)('promtool', ['check', 'rules', file])).stdout).toContain('SUCCESS');
  });
});
