/** The LoRAs of the library: switched on one by one, each with its weight. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Slider } from '../parts/slider.tsx';
import { form, setForm, toggleLora } from '../state/form.ts';
import { loras } from '../state/mesh.ts';

/** From here on a library is searched rather than read. */
const SEARCHED_FROM = 12;
/** What makes sense; the mesh takes −10 … 10. */
const [MIN_WEIGHT, MAX_WEIGHT] = [-1, 2];

/** See the head of this file. */
export function LoraList(): JSX.Element | null {
  const search = useSignal('');
  const all = loras.value;
  const chosen = form.value.loras;
  if (all.length === 0 && Object.keys(chosen).length === 0) return null;
  const shown = all.filter((name) => name in chosen || name.toLowerCase().includes(search.value.toLowerCase()));
  return (
    <section class="card" aria-labelledby="loras-title">
      <h2 id="loras-title">
        Styles <small>LoRA</small>
      </h2>
      {all.length >= SEARCHED_FROM && (
        <input
          type="search"
          aria-label="Find a LoRA"
          placeholder={`Find among ${all.length}`}
          value={search.value}
          onInput={({ currentTarget }) => {
            search.value = currentTarget.value;
          }}
        />
      )}
      <ul class="chips">
        {shown.map((name) => (
          <li key={name}>
            <button type="button" class="chip" aria-pressed={name in chosen} onClick={() => toggleLora(name)}>
              {name}
            </button>
          </li>
        ))}
      </ul>
      {Object.entries(chosen).map(([name, weight], i) => (
        <Slider
          key={name}
          path={`loras.${i}.weight`}
          label={name}
          {...{ value: weight, min: MIN_WEIGHT, max: MAX_WEIGHT, step: 0.05 }}
          onChange={(value) => setForm({ loras: { ...chosen, [name]: value } })}
        />
      ))}
    </section>
  );
}
