/** The ControlNets of the form. */
import type { JSX } from 'preact';
import { MAX_CONTROLNETS } from '#shared/contracts/limits.ts';
import { Icon } from '../parts/icon.tsx';
import { addGuide, guides } from '../state/form.ts';
import { controlnets } from '../state/mesh.ts';
import { GuideCard } from './guide-card.tsx';

/** See the head of this file. */
export function GuideList(): JSX.Element | null {
  const [first] = controlnets.value;
  if (!first && guides.value.length === 0) return null;
  return (
    <section class="card" aria-labelledby="guides-title">
      <h2 id="guides-title">
        Guides <small>ControlNet</small>
      </h2>
      {guides.value.map((guide, index) => (
        <GuideCard key={guide.key} guide={guide} index={index} />
      ))}
      {first && guides.value.length < MAX_CONTROLNETS && (
        <button type="button" class="quiet wide" onClick={() => addGuide(first)}>
          <Icon name="plus" /> {guides.value.length === 0 ? 'Guide it with a picture or a drawing' : 'Another guide'}
        </button>
      )}
    </section>
  );
}
