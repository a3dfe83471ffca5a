/** `npm start`: a mesh on this machine. Wires the parts and ends them in order. */
import { join } from 'node:path';
import { prepareStudio } from '#infra/studio/prepare.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { defaultModel } from './default-model.ts';
import { EndSignal } from './end-signal.ts';
import { type LocalMesh, startLocalMesh } from './local-mesh.ts';
import { type MeshOptions, parseMeshOptions, USAGE } from './options.ts';
import { readyText } from './ready.ts';
import { restartOnSignal } from './restart-on-signal.ts';
import { StateFile, stateFolder } from './state-file.ts';
import { Terminal } from './terminal.ts';

/** Time after which people want to know what is still missing, ms. */
const STILL_STARTING_MS = 10_000;

async function run(options: MeshOptions, terminal: Terminal, state: StateFile): Promise<void> {
  let mesh: LocalMesh | undefined;
  const end = new EndSignal(() => {
    mesh?.kill();
    process.exit(130);
  });
  const model = options.model ?? (await defaultModel());
  await openPipeline(model, options); // Every service would refuse a wrong one: told once, before anything is started.
  const logFolder = join(state.folder, 'logs');
  const studio = await prepareStudio(state.folder, process.env, (text) => terminal.notice(text));
  mesh = await startLocalMesh({
    ...options,
    model,
    stateFolder: state.folder,
    logFolder,
    env: { ...process.env, ...studio },
    onLine: (name, line) => terminal.logLine(name, line),
    onNotice: (text) => terminal.notice(text),
    onProcesses: (processes) => void state.update({ processes }),
  });
  end.isOrderly = true;
  const reminder = setInterval(remind, STILL_STARTING_MS, mesh, terminal);
  try {
    const first = await Promise.race([mesh.ready, mesh.failed, end.asked]);
    clearInterval(reminder);
    if (!first) return;
    const { httpUrl } = first;
    const { natsUrl } = mesh;
    restartOnSignal(mesh, state, (text) => terminal.notice(text));
    await state.update({ readyUnixMs: Date.now(), natsUrl, httpUrl, model });
    process.send?.({ type: 'ready', natsUrl, httpUrl });
    terminal.ready(readyText({ tookMs: performance.now(), modelFolder: model, httpUrl, natsUrl, logFolder }));
    await Promise.race([mesh.failed, end.asked]);
  } finally {
    clearInterval(reminder);
    await mesh.drain();
  }
}

function remind(mesh: LocalMesh, terminal: Terminal): void {
  terminal.notice(`Still starting: ${mesh.waitingFor().join(', ')}.`);
}

async function main(): Promise<number> {
  let terminal = new Terminal({ isQuiet: true, isVerbose: false });
  try {
    const options = parseMeshOptions(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd());
    if (options === 'help') {
      process.stdout.write(USAGE);
      return 0;
    }
    terminal = new Terminal(options);
    const state = await StateFile.claim(stateFolder());
    if (state.leftovers.length > 0) terminal.notice(`Ended what a former mesh left: ${state.leftovers.join(', ')}.`);
    await run(options, terminal, state).finally(() => state.release());
    return 0;
  } catch (thrown) {
    const error = MeshError.from(thrown);
    // A program that started us tells people itself.
    if (process.send) process.send({ type: 'fatal', ...error.toWire() });
    else terminal.error(error);
    return 1;
  }
}

process.exit(await main());
