/** Files that a library must survive: LoRAs and ControlNets for another model, damaged ones, hostile ones. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCheckpoint } from '#infra/checkpoint/write-checkpoint.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { REFERENCE_LORAS, REFERENCE_MODEL } from './mesh-kit.ts';

/** Writes all of them: `loras/*.safetensors`, `controlnets/*`. */
export async function writeBadFiles(folder: string): Promise<{ loras: string; controlnets: string }> {
  const [loras, controlnets] = [join(folder, 'loras'), join(folder, 'controlnets')];
  await Promise.all([mkdir(loras, { recursive: true }), mkdir(controlnets, { recursive: true })]);
  await Promise.all([
    writeLoras(loras),
    writeControlNets(controlnets),
    writeCheckpoint(folder, { parts: ['controlnets'] }),
  ]);
  return { loras, controlnets };
}

async function writeLoras(folder: string): Promise<void> {
  const whole = await readFile(join(REFERENCE_LORAS, 'a-kohya.safetensors'));
  const lora = (name: string, tensors: TensorMap): Promise<void> =>
    writeSafetensors(join(folder, `${name}.safetensors`), tensorsToWrite(tensors));
  await Promise.all([
    lora('sdxl', pair('lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k', 2048)),
    lora('unused-key', { ...pair(QUERY, 32), 'text_model.unused': f32([1]) }),
    lora('whole-numbers', {
      [`${QUERY}.lora_down.weight`]: tensor('i32', [2, 32], new Int32Array(64)),
      [`${QUERY}.lora_up.weight`]: tensor('i32', [32, 2], new Int32Array(64)),
    }),
    lora('biases', { ...pair(QUERY, 32), [`${QUERY}.diff_b`]: f32([32]) }),
    lora('two-kinds', { ...pair(QUERY, 32), [`${QUERY}.hada_w1_a`]: f32([32, 2]) }),
    lora('not-finite', pair(QUERY, 32, Number.NaN)),
    writeFile(join(folder, 'cut-off.safetensors'), whole.subarray(0, whole.length / 2)),
    writeFile(join(folder, 'announces-much.safetensors'), hostile({ shape: [2 ** 40], data_offsets: [0, 2 ** 42] })),
    writeFile(join(folder, 'overflows.safetensors'), hostile({ shape: [2 ** 32, 2 ** 32], data_offsets: [0, 4] })),
    writeFile(join(folder, 'empty.safetensors'), ''),
  ]);
}

const QUERY = 'lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q';

function pair(module: string, inputs: number, value = 0.01): TensorMap {
  return {
    [`${module}.lora_down.weight`]: f32([2, inputs], new Float32Array(2 * inputs).fill(value)),
    [`${module}.lora_up.weight`]: f32([32, 2], new Float32Array(64).fill(value)),
  };
}

/** A file with one tensor that its header lies about. */
function hostile(entry: object): Buffer {
  const header = Buffer.from(JSON.stringify({ [`${QUERY}.lora_down.weight`]: { dtype: 'F32', ...entry } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(4)]);
}

const WEIGHTS = 'diffusion_pytorch_model.safetensors';

async function writeControlNets(folder: string): Promise<void> {
  const copy = async (name: string, weights: Uint8Array): Promise<void> => {
    await cp(join(REFERENCE_MODEL, 'controlnet-a'), join(folder, name), { recursive: true });
    await writeFile(join(folder, name, WEIGHTS), weights);
  };
  const whole = await readFile(join(REFERENCE_MODEL, 'controlnet-a', WEIGHTS));
  await Promise.all([
    copy('cut-off', whole.subarray(0, whole.length - 100)),
    copy('hostile', hostile({ shape: [1], data_offsets: [0, 4] })),
    copy('no-safetensors', Buffer.from('<html>404 Not Found</html>')),
  ]);
}
