/** The spellings under which one weight goes in checkpoints of different age, and the one this project uses. */

/** Old VAE attention (diffusers before 0.17) and what its layers are called since. */
const VAE_ATTENTION: Readonly<Record<string, string>> = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  proj_attn: 'to_out.0',
};
const OLD_VAE_LAYER = /(?<=(?:^|\.)mid_block\.attentions\.\d+\.)(query|key|value|proj_attn)(?=\.(?:weight|bias)$)/;
const VAE_LAYER = /(?:^|\.)mid_block\.attentions\.\d+\.to_(?:q|k|v|out\.0)\.weight$/;
const BARE_TEXT_MODEL = /^(?:embeddings|encoder\.layers|final_layer_norm)\./;

/** The name this project knows a weight by, whatever the age of the checkpoint. Idempotent. */
export function canonicalName(stored: string): string {
  if (BARE_TEXT_MODEL.test(stored)) return `text_model.${stored}`;
  return stored.replace(OLD_VAE_LAYER, (old) => VAE_ATTENTION[old]!);
}

/** Whether a weight [C, C] may be stored as a 1×1 convolution [C, C, 1, 1]: the VAE's attention was one once. */
export function mayBeConvolution(canonical: string): boolean {
  return VAE_LAYER.test(canonical);
}

/** Tensors of old files that no network needs: a buffer 0…76 that was saved by mistake. */
export function isHarmlessExtra(canonical: string): boolean {
  return canonical === 'text_model.embeddings.position_ids';
}
