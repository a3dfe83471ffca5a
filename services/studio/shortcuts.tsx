/** The keys of the page, and the sheet that tells them. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Check } from './parts/check.tsx';
import { Icon } from './parts/icon.tsx';
import { setForm } from './state/form.ts';
import { cancelCurrent, generate } from './state/generate.ts';
import { jobs, running, selected, selectedId } from './state/jobs.ts';
import { drawSeed } from './state/request.ts';
import { stored } from './state/stored.ts';

/** Whether the sheet is open. */
export const isSheetOpen = signal(false);
/** Speech can sound like keys: who speaks to the machine turns those without Ctrl off. */
const hasSingleKeys = stored('single-keys', true, (kept) => kept === true);

interface Shortcut {
  readonly keys: string;
  readonly text: string;
  readonly act: () => void;
}

/** Heard while no field has the focus. */
const SINGLE_KEYS: Readonly<Record<string, Shortcut>> = {
  '/': { keys: '/', text: 'to the prompt', act: () => document.querySelector<HTMLElement>('#field-prompt')?.focus() },
  r: {
    keys: 'R',
    text: 'draw a seed and hold it',
    act: () => setForm({ seed: String(drawSeed()), isSeedLocked: true }),
  },
  ArrowLeft: { keys: '←', text: 'newer picture', act: () => look(-1) },
  ArrowRight: { keys: '→', text: 'older picture', act: () => look(1) },
  '?': {
    keys: '?',
    text: 'this sheet',
    act: () => {
      isSheetOpen.value = true;
    },
  },
};

/** Goes through the history. */
function look(by: number): void {
  const at = jobs.value.findIndex(({ job }) => job === selected.value?.job);
  const next = jobs.value[at + by];
  if (next) selectedId.value = next.job;
}

/** What the keys do: they belong to the page, whatever has the focus, but for those that write. */
export function hearKeys(event: KeyboardEvent): void {
  // The event that tells of a dialog's end comes later than the end.
  if (document.querySelector('dialog[open]')) return;
  const { key, ctrlKey, metaKey, altKey } = event;
  const heard = (act: () => void): void => {
    event.preventDefault();
    act();
  };
  const isPlain = !ctrlKey && !metaKey && !altKey;
  const single = SINGLE_KEYS[key];
  if (key === 'Enter' && (ctrlKey || metaKey)) heard(() => void generate());
  else if (key === 'Escape' && running.value.length > 0) heard(cancelCurrent);
  else if (single && isPlain && hasSingleKeys.value && !isField(event.target)) heard(single.act);
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [role="img"], summary');
}

/** The sheet, and the button that opens it. */
export function Shortcuts(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isSheetOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
  }, [isOpen]);
  const close = (): void => dialog.current?.close();
  return (
    <>
      <button
        type="button"
        class="quiet square"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts: ?"
        onClick={() => {
          isSheetOpen.value = true;
        }}
      >
        <Icon name="keyboard" />
      </button>
      <dialog
        ref={dialog}
        class="sheet-of-keys"
        aria-labelledby="keys-title"
        onClose={() => {
          isSheetOpen.value = false;
        }}
      >
        <div class="dialog-body">
          <div class="insight-head">
            <h2 id="keys-title">Keys</h2>
            <button type="button" class="quiet square" aria-label="Close" onClick={close}>
              <Icon name="close" />
            </button>
          </div>
          <dl>
            <KeyLine keys="Ctrl Enter" text="generate" />
            <KeyLine keys="Esc" text="cancel the job that is looked at" />
            {Object.values(SINGLE_KEYS).map(({ keys, text }) => (
              <KeyLine key={keys} keys={keys} text={text} />
            ))}
          </dl>
          <Check
            path="single_keys"
            isOn={hasSingleKeys.value}
            onChange={(isOn) => {
              hasSingleKeys.value = isOn;
            }}
          >
            Hear keys without Ctrl
          </Check>
        </div>
      </dialog>
    </>
  );
}

function KeyLine({ keys, text }: { keys: string; text: string }): JSX.Element {
  return (
    <div>
      <dt>
        {keys.split(' ').map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{text}</dd>
    </div>
  );
}
