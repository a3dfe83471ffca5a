/** What to see, and what not. */
import type { JSX } from 'preact';
import { MAX_PROMPT_CHARS } from '#shared/contracts/limits.ts';
import { Field } from '../parts/field.tsx';
import { form, setForm } from '../state/form.ts';
import { status } from '../state/mesh.ts';

/** See the head of this file. */
export function PromptFields(): JSX.Element {
  const { prompt, negativePrompt } = form.value;
  return (
    <div class="card">
      <Field path="prompt" label="Prompt">
        {(attributes) => (
          <textarea
            {...attributes}
            class="prompt"
            rows={3}
            maxLength={MAX_PROMPT_CHARS}
            placeholder="What to see"
            value={prompt}
            onInput={({ currentTarget }) => setForm({ prompt: currentTarget.value })}
          />
        )}
      </Field>
      {prompt === '' && <Examples />}
      <Field path="negative_prompt" label="Without">
        {(attributes) => (
          <textarea
            {...attributes}
            rows={1}
            maxLength={MAX_PROMPT_CHARS}
            placeholder="What not to see"
            value={negativePrompt}
            onInput={({ currentTarget }) => setForm({ negativePrompt: currentTarget.value })}
          />
        )}
      </Field>
    </div>
  );
}

/** Prompts that work with the model, where it names some. */
function Examples(): JSX.Element | null {
  const examples = status.value?.examples ?? [];
  if (examples.length === 0) return null;
  return (
    <ul class="chips" aria-label="Prompts to try">
      {examples.map((example) => (
        <li key={example}>
          <button type="button" class="chip" onClick={() => setForm({ prompt: example })}>
            {example}
          </button>
        </li>
      ))}
    </ul>
  );
}
