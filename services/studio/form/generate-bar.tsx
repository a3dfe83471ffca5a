/** The button, and what happens after it. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import { isTouched, resetForm } from '../state/form.ts';
import { cancelCurrent, isSending, refusal } from '../state/generate.ts';
import { running } from '../state/jobs.ts';
import { connection } from '../state/mesh.ts';

/** See the head of this file. */
export function GenerateBar(): JSX.Element {
  const isOffline = connection.value === 'offline';
  return (
    <div class="generate-bar">
      {refusal.value && (
        <p class="message problem" role="alert">
          {refusal.value.message} <code>{refusal.value.code}</code>
        </p>
      )}
      <div class="row">
        <button type="submit" class="primary" disabled={isOffline || isSending.value} title="Ctrl+Enter">
          {isOffline ? 'Waiting for the gateway' : 'Generate'}
        </button>
        {running.value.length > 0 && (
          <button type="button" class="quiet" onClick={cancelCurrent} title="Esc">
            <Icon name="stop" /> Cancel
          </button>
        )}
        {isTouched.value && running.value.length === 0 && (
          <button type="button" class="quiet" onClick={resetForm}>
            Reset
          </button>
        )}
      </div>
    </div>
  );
}
