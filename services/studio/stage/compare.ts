/** The picture that others are held against. */
import { signal } from '@preact/signals';
import type { ServedImage } from '../server.ts';

/** Undefined while nothing is compared. */
export const compared = signal<ServedImage | undefined>(undefined);
