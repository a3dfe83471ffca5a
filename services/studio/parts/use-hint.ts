/** What the mesh makes of a picture before any job: the hint of a ControlNet, asked for while its settings move. */
import { useEffect, useState } from 'preact/hooks';
import { askForImage, bodyOf } from '../server.ts';
import type { GuideForm } from '../state/form.ts';

/** A picture's object URL, or what is to be said instead. */
export interface Hint {
  readonly url?: string;
  readonly text: string;
}

/** A slider that moves asks at most this often, ms. */
const PAUSE_MS = 120;
const NOTHING: Hint = { text: 'What will guide' };

/** See the head of this file; nothing is asked while there is no picture. */
export function useHint(source: Pick<GuideForm, 'image' | 'preprocessor' | 'cannyLow' | 'cannyHigh'>): Hint {
  const { image, preprocessor, cannyLow, cannyHigh } = source;
  const [hint, setHint] = useState(NOTHING);
  useEffect(() => {
    if (!image) return setHint(NOTHING);
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const canny = preprocessor === 'canny' ? { canny_low: cannyLow, canny_high: cannyHigh } : {};
        const blob = await askForImage('v1/preprocess', { image, preprocessor, ...canny }, controller.signal);
        setHint({ url: URL.createObjectURL(blob), text: '' });
      } catch (thrown) {
        if (!controller.signal.aborted) setHint({ text: bodyOf(thrown).message });
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [image, preprocessor, cannyLow, cannyHigh]);
  useEffect(() => () => URL.revokeObjectURL(hint.url ?? ''), [hint.url]);
  return hint;
}
