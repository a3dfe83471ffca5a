/** The page: the form, the picture, and the mesh behind it. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { RequestForm } from './form/form.tsx';
import { MeshView } from './insight/mesh-map.tsx';
import { TraceView } from './insight/trace-view.tsx';
import { PageHead } from './page-head.tsx';
import { hearKeys } from './shortcuts.tsx';
import { History } from './stage/history.tsx';
import { Stage } from './stage/stage.tsx';
import { isFileOver } from './state/dropped-files.ts';
import { selected } from './state/jobs.ts';
import { connection } from './state/mesh.ts';
import { notice } from './state/notice.ts';
import { hints } from './state/problems.ts';

/** See the head of this file. */
export function App(): JSX.Element {
  useEffect(() => {
    document.addEventListener('keydown', hearKeys);
    return () => document.removeEventListener('keydown', hearKeys);
  }, []);
  useWarningsAtFields();
  return (
    <>
      <PageHead />
      {connection.value === 'offline' && (
        <p class="banner" role="alert">
          The gateway does not answer. What runs goes on without this page, which asks again every second.
        </p>
      )}
      <main class="page">
        <RequestForm />
        <div class="middle">
          <Stage />
          <History />
        </div>
        <aside class="behind" aria-label="Behind the picture">
          <MeshView />
          <TraceView />
        </aside>
      </main>
      <p class={notice.value ? 'toast shown' : 'toast'} role="status">
        {notice.value}
      </p>
      {isFileOver.value && <div class="drop-hint">Drop a picture to make its like</div>}
    </>
  );
}

/** What the job that is looked at told of fields stands at these. */
function useWarningsAtFields(): void {
  const warnings = selected.value?.warnings;
  useEffect(() => {
    hints.value = Object.fromEntries(
      (warnings ?? []).map(({ field, message }) => [field.replace(/\.\d+$/, ''), message]),
    );
  }, [warnings]);
}
