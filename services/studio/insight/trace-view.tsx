/** Where the time of a job went: its trace as a waterfall of lanes, beside its picture. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { TableBelow } from '../parts/table-below.tsx';
import { ask, type ServedSpan, type ServedWhy } from '../server.ts';
import { seconds } from '../stage/progress-text.ts';
import { isRunning } from '../state/job.ts';
import { selected } from '../state/jobs.ts';
import { epoch } from '../state/mesh.ts';
import { type Bar, type Lane, type TraceLanes, traceLanes } from './trace-lanes.ts';
import { Why } from './why.tsx';

const WIDTH = 400;
const ROW = 13;
const LANE_HEAD = 16;
const LANE_GAP = 7;
/** Spans come in a moment after a job has ended, ms. */
const SPANS_LATE_MS = 400;
/** A job that runs is looked at again after this, ms. */
const LOOK_AGAIN_MS = 1000;

/** See the head of this file. */
export function TraceView(): JSX.Element | null {
  const job = selected.value;
  const isLive = job !== undefined && isRunning(job);
  const { spans, why } = useTrace(job?.job, isLive);
  if (!job) return null;
  return (
    <section class="card insight" aria-labelledby="trace-title">
      <div class="insight-head">
        <h2 id="trace-title">Where the time went</h2>
        <code class="dim" title={job.job}>
          {job.job.slice(0, 8)}
        </code>
      </div>
      {spans.length === 0 ? (
        <p class="dim">No spans yet. They are kept for an hour.</p>
      ) : (
        <>
          {why && !isLive && <Why why={why} />}
          <Waterfall trace={traceLanes(spans)} />
        </>
      )}
    </section>
  );
}

interface Trace {
  readonly spans: readonly ServedSpan[];
  readonly why?: ServedWhy;
}

const NO_TRACE: Trace = { spans: [] };

/** The trace of a job, again while it runs. */
function useTrace(job: string | undefined, isLive: boolean): Trace {
  const [read, setRead] = useState<{ readonly job?: string; readonly trace: Trace }>({ trace: NO_TRACE });
  const again = epoch.value;
  useEffect(() => {
    if (!job) return;
    let isGone = false;
    const look = async (): Promise<void> => {
      const trace = await ask<Trace>('GET', `v1/jobs/${job}/trace`).catch(() => NO_TRACE);
      if (!isGone && trace.spans.length > 0) setRead({ job, trace });
    };
    void look();
    const timer = isLive ? setInterval(look, LOOK_AGAIN_MS) : setTimeout(look, SPANS_LATE_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
      clearTimeout(timer);
    };
  }, [job, isLive, again]);
  return read.job === job ? read.trace : NO_TRACE;
}

function Waterfall({ trace }: { trace: TraceLanes }): JSX.Element {
  const isNear = useSignal(false);
  const view = isNear.value ? nearView(trace) : { fromMs: 0, lengthMs: trace.lengthMs };
  let y = 0;
  const placed = trace.lanes.map((lane) => {
    const top = y;
    y += LANE_HEAD + lane.rows * ROW + LANE_GAP;
    return { lane, top };
  });
  const height = y + LANE_HEAD;
  const x = (ms: number): number => ((ms - view.fromMs) / view.lengthMs) * WIDTH;
  return (
    <>
      <svg class="waterfall" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-labelledby="trace-title trace-text">
        <title id="trace-text">{`${trace.lanes.length} actors worked for ${seconds(trace.lengthMs)}. The table below tells the same.`}</title>
        {trace.stepsMs
          .filter((ms) => ms >= view.fromMs && ms <= view.fromMs + view.lengthMs)
          .map((ms) => (
            <line key={ms} class="step-line" x1={x(ms)} x2={x(ms)} y1={0} y2={height - LANE_HEAD} />
          ))}
        {placed.map(({ lane, top }) => (
          <LaneBars key={lane.instance} lane={lane} top={top} view={view} />
        ))}
        <text class="scale" x={0} y={height - 3}>
          {seconds(view.fromMs)}
        </text>
        <text class="scale" x={WIDTH} y={height - 3} text-anchor="end">
          {seconds(view.fromMs + view.lengthMs)}
        </text>
      </svg>
      {trace.stepsMs.length > 3 && (
        <button
          type="button"
          class="quiet near"
          aria-pressed={isNear.value}
          onClick={() => {
            isNear.value = !isNear.value;
          }}
        >
          {isNear.value ? 'Back to the whole job' : 'Zoom to two steps'}
        </button>
      )}
      <LaneTable trace={trace} />
    </>
  );
}

interface View {
  readonly fromMs: number;
  readonly lengthMs: number;
}

/** Two steps from the middle of the job. */
function nearView({ stepsMs, lengthMs }: TraceLanes): View {
  const middle = Math.floor(stepsMs.length / 2) - 1;
  const fromMs = stepsMs[middle] ?? 0;
  return { fromMs, lengthMs: Math.max(1, (stepsMs[middle + 2] ?? lengthMs) - fromMs) };
}

function LaneBars({ lane, top, view }: { lane: Lane; top: number; view: View }): JSX.Element {
  const seen = lane.bars.filter(({ startMs, endMs }) => endMs >= view.fromMs && startMs <= view.fromMs + view.lengthMs);
  return (
    <g class={`lane role-${lane.service}`} transform={`translate(0 ${top})`}>
      <text class="lane-name" x={0} y={11}>
        {lane.service}
      </text>
      <rect class="lane-bed" x={0} y={LANE_HEAD} width={WIDTH} height={lane.rows * ROW - 2} rx={3} />
      {seen.map((bar) => (
        <LaneBar key={`${bar.name} ${bar.startMs}`} bar={bar} view={view} />
      ))}
    </g>
  );
}

function LaneBar({ bar, view }: { bar: Bar; view: View }): JSX.Element {
  const scale = WIDTH / view.lengthMs;
  const from = Math.max(0, (bar.startMs - view.fromMs) * scale);
  const to = Math.min(WIDTH, (bar.endMs - view.fromMs) * scale);
  const width = Math.max(1.2, to - from);
  const label = bar.name.replace('run ', '');
  return (
    <g transform={`translate(${from} ${LANE_HEAD + bar.row * ROW})`}>
      <title>{`${bar.name}: ${seconds(bar.endMs - bar.startMs)}, from ${seconds(bar.startMs)}`}</title>
      <rect class={bar.isStage ? 'bar stage-bar' : 'bar'} width={Math.max(0.8, width - 0.6)} height={ROW - 2} rx={2} />
      {width > label.length * 5.6 + 6 && (
        <text class="bar-name" x={4} y={8.6}>
          {label}
        </text>
      )}
    </g>
  );
}

function LaneTable({ trace }: { trace: TraceLanes }): JSX.Element {
  const rows = trace.lanes.flatMap((lane) =>
    [...Map.groupBy(lane.bars, ({ name }) => name)].map(([name, bars]) => ({
      key: `${lane.instance} ${name}`,
      service: lane.service,
      name,
      times: bars.length,
      ms: bars.reduce((sum, bar) => sum + bar.endMs - bar.startMs, 0),
    })),
  );
  return (
    <TableBelow summary="The same as a table" heads={['Actor', 'Work', 'Times', 'Together']}>
      {rows.map(({ key, service, name, times, ms }) => (
        <tr key={key}>
          <th scope="row">{service}</th>
          <td>{name}</td>
          <td>{times}</td>
          <td>{seconds(ms)}</td>
        </tr>
      ))}
    </TableBelow>
  );
}
