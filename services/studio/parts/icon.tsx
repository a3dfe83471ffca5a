/** The icons, as strokes on a 24 × 24 grid. They say nothing by themselves: their button has the words. */
import type { JSX } from 'preact';

const PATHS = {
  dice: 'M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1Z M8.5 8.5h.01 M15.5 8.5h.01 M12 12h.01 M8.5 15.5h.01 M15.5 15.5h.01',
  lock: 'M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  unlock: 'M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 6.6-1.6',
  plus: 'M12 5v14 M5 12h14',
  close: 'M6 6l12 12 M18 6 6 18',
  swap: 'M7 8h12l-3-3 M17 16H5l3 3',
  pen: 'M4 20l1-4L16.5 4.5l3 3L8 19z',
  image: 'M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15.5 9h.01',
  download: 'M12 4v11 M7.5 11 12 15.5 16.5 11 M5 20h14',
  reuse: 'M4 12a8 8 0 0 1 13.7-5.6L20 9 M20 4v5h-5 M20 12a8 8 0 0 1-13.7 5.6L4 15 M4 20v-5h5',
  compare: 'M12 3v18 M4 6h8v12H4z M12 6h8v12h-8',
  copy: 'M9 9h11v11H9z M5 15H4V4h11v1',
  undo: 'M9 7 4 12l5 5 M4 12h11a5 5 0 0 1 0 10h-2',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z M12 2v2 M12 20v2 M2 12h2 M20 12h2 M5 5l1.4 1.4 M17.6 17.6 19 19 M19 5l-1.4 1.4 M6.4 17.6 5 19',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  screen: 'M3 5h18v11H3z M9 20h6 M12 16v4',
  stop: 'M7 7h10v10H7z',
  eraser: 'M8 19h12 M4.6 14.6 13 6.2l5 5L10.2 19H8l-3.4-3.4a.7.7 0 0 1 0-1Z M9 10.5l5 5',
  brush: 'M20 4 11 13 M13 15l-2-2-2.5-.5C6 12.500 6.500 17 3.500 19c3 1.500 8 .5 8.500-3z',
  keyboard: 'M3 6h18v12H3z M7 10h.01 M11 10h.01 M15 10h.01 M18 10h.01 M8 14h8',
  terminal: 'M4 5h16v14H4z M7.500 9.500 10 12l-2.500 2.500 M12.500 15h4',
} as const;

/** Name of an icon. */
export type IconName = keyof typeof PATHS;

/** One icon, as large as the text beside it. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
