/** Before the first picture: noise that clears, as pictures here do. */
import type { JSX } from 'preact';

const SIDE = 8;

/** See the head of this file. */
export function EmptyStage(): JSX.Element {
  const cells = Array.from({ length: SIDE * SIDE }, (_, i) => i);
  return (
    <div class="empty">
      <svg viewBox={`0 0 ${SIDE} ${SIDE}`} class="latents" aria-hidden="true">
        {cells.map((i) => (
          <rect
            key={i}
            x={(i % SIDE) + 0.06}
            y={Math.floor(i / SIDE) + 0.06}
            width={0.88}
            height={0.88}
            rx={0.16}
            class={`cell cell-${(i * 7 + Math.floor(i / SIDE) * 3) % 5}`}
            style={{ animationDelay: `${((i * 37) % 64) * 60}ms` }}
          />
        ))}
      </svg>
      <p>Say what to see, and press Generate.</p>
      <p class="dim">
        A picture that was made here or elsewhere, dropped anywhere on this page, brings its settings along.
      </p>
    </div>
  );
}
