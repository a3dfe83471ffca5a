/** The studio: mounts the page and starts what it lives on. */
import { render } from 'preact';
import { App } from './app.tsx';
import { watchFiles } from './state/dropped-files.ts';
import { restoreJobs } from './state/jobs.ts';
import { watchMesh } from './state/mesh.ts';
import { applyTheme } from './state/theme.ts';

applyTheme();
render(<App />, document.getElementById('studio')!);
watchMesh();
watchFiles();
void restoreJobs();
