/** The edges that a ControlNet will be given, asked for while its thresholds move. */
import { useEffect, useState } from 'preact/hooks';
import { askForImage, bodyOf } from '../server.ts';
import type { GuideForm } from '../state/form.ts';

/** A picture's object URL, or what is to be said instead. */
export interface Edges {
  readonly url?: string;
  readonly text: string;
}

/** A slider that moves asks at most this often, ms. */
const PAUSE_MS = 120;

/** See the head of this file. */
export function useEdges({ image, preprocessor, cannyLow, cannyHigh }: GuideForm): Edges {
  const [edges, setEdges] = useState<Edges>({ text: 'Its edges' });
  useEffect(() => {
    if (!image || preprocessor !== 'canny') return setEdges({ text: 'Its edges' });
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const body = { image, preprocessor, canny_low: cannyLow, canny_high: cannyHigh };
        const blob = await askForImage('v1/preprocess', body, controller.signal);
        setEdges({ url: URL.createObjectURL(blob), text: '' });
      } catch (thrown) {
        if (!controller.signal.aborted) setEdges({ text: bodyOf(thrown).message });
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [image, preprocessor, cannyLow, cannyHigh]);
  useEffect(() => () => URL.revokeObjectURL(edges.url ?? ''), [edges.url]);
  return edges;
}
