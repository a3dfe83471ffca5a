/** The form: what a person asks for. */
import type { JSX } from 'preact';
import { generate } from '../state/generate.ts';
import { GenerateBar } from './generate-bar.tsx';
import { GuideList } from './guide-list.tsx';
import { LoraList } from './lora-list.tsx';
import { PromptFields } from './prompt-fields.tsx';
import { Settings } from './settings.tsx';
import { StartCard } from './start-card.tsx';

/** See the head of this file. */
export function RequestForm(): JSX.Element {
  return (
    <form
      class="request"
      aria-label="What to make"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void generate();
      }}
    >
      <div class="request-fields">
        <PromptFields />
        <LoraList />
        <GuideList />
        <StartCard />
        <Settings />
      </div>
      <GenerateBar />
    </form>
  );
}
