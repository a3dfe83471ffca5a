/** The head of the page: the name, the model, whether the mesh is there, and the switch between light and dark. */
import type { JSX } from 'preact';
import { Icon, type IconName } from './parts/icon.tsx';
import { Shortcuts } from './shortcuts.tsx';
import { connection, missing, report, status } from './state/mesh.ts';
import { nextTheme, type Theme, theme } from './state/theme.ts';

const THEME_ICONS: Readonly<Record<Theme, IconName>> = { system: 'screen', light: 'sun', dark: 'moon' };

/** See the head of this file. */
export function PageHead(): JSX.Element {
  const isReady = connection.value === 'online' && missing.value.length === 0;
  return (
    <header class="page-head">
      <h1>
        <img src="./icon.svg" alt="" width={24} height={24} /> latentmesh
      </h1>
      <p class="model">{status.value?.model}</p>
      <p class={isReady ? 'state ready' : 'state'} role="status">
        <span class="dot" aria-hidden="true" /> {stateText()}
      </p>
      <nav aria-label="Further pages">
        <a href="docs">API</a>
      </nav>
      <Shortcuts />
      <button
        type="button"
        class="quiet square"
        aria-label={`Colours: ${theme.value}`}
        title={`Colours: ${theme.value}`}
        onClick={nextTheme}
      >
        <Icon name={THEME_ICONS[theme.value]} />
      </button>
    </header>
  );
}

function stateText(): string {
  if (connection.value === 'connecting') return 'connecting';
  if (connection.value === 'offline') return 'no gateway';
  if (missing.value.length > 0) return `no ${missing.value[0]}`;
  const actors = report.value.instances.length;
  return actors === 0 ? 'connected' : `${actors} actors`;
}
