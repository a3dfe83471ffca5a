/** What a simulated device imitates, as data: how long each network takes, what loading and sending cost, and where each number comes from. */
import { z } from 'zod';

const Ms = z.number().min(0);
const Source = z.string().min(10, 'says where the numbers come from');

/** Time by batch size, `{"1": 13.6, "2": 27.2}`; a batch beyond the table takes the largest one's time per element. */
const MsByBatch = z
  .record(z.string().regex(/^[1-9]\d*$/, 'is a batch size'), Ms)
  .refine((table) => '1' in table, 'needs the time of batch 1');

/** See the head of this file. All times are those of the imitated device, whatever the size of the pictures that stand for its own. */
export const DeviceProfile = z.strictObject({
  /** The part of the device's name behind `simulated:`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'is lower case letters, digits and "-"'),
  /** Model, size, precision and hardware that the numbers are of. */
  imitates: z.string(),
  /** By network: the graph's name up to its first space, `+` and what follows it left out. */
  networks: z.record(
    z.string(),
    z.strictObject({
      ms: MsByBatch,
      /** Bytes that leave the device over the link after a run, for each element of the batch. */
      sends_bytes: z.number().min(0).default(0),
      source: Source,
    }),
  ),
  link: z.strictObject({ bytes_per_second: z.number().positive(), source: Source }),
  /** A ControlNet's way into the device's memory. Base networks are there from the start. */
  controlnet: z.strictObject({ load_ms: Ms, bytes: z.number().positive(), source: Source }),
  lora: z.strictObject({
    /** From a file that the host has read before to factors in memory. */
    read_ms: Ms,
    /**
     * The first time on a host: points (share of reads, time in ms) of its distribution, shares from 0 to 1, straight between.
     * Left out: like any other.
     */
    first_read: z
      .array(z.tuple([z.number().min(0).max(1), Ms]))
      .min(2)
      .optional(),
    /** Rank of the small files that stand for one LoRA each: how many a joined factor is made of. */
    rank: z.number().int().positive(),
    /** Patching the weights with one LoRA, and with each further one. */
    patch_ms: Ms,
    patch_further_ms: Ms,
    /** Bytes of a patched set that are its own. */
    bytes: z.number().positive(),
    source: Source,
  }),
});
export type DeviceProfile = z.infer<typeof DeviceProfile>;
