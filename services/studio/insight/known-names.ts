/** Names of LoRAs by their hashes, as far as pictures of this browser tell them. */
import { computed } from '@preact/signals';
import { jobs } from '../state/jobs.ts';
import { loraNames } from './held-names.ts';

/** See {@link loraNames}. */
export const names = computed(() =>
  loraNames(jobs.value.flatMap(({ images }) => images.map((image) => image.parameters))),
);
