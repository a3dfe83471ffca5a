/** Runs a graph on onnxruntime as plainly as can be, so that these tests hold the graphs alone. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { FedWeight, GraphModel } from '#shared/graph/graph-model.ts';
import { widenToF32 } from '#shared/tensor/convert.ts';
import { elementCount, f32, type Tensor, type TensorMap, viewBytes } from '#shared/tensor/tensor.ts';
import type { WeightLocation } from '#shared/tensor/weight.ts';

const ORT_TYPE = { f32: 'float32', i32: 'int32' } as const;

export async function runGraph(model: GraphModel, feeds: TensorMap): Promise<TensorMap> {
  const session = await InferenceSession.create(model.bytes, {
    intraOpNumThreads: 1,
    enableMemPattern: false,
    extra: {
      'session.model_external_initializers_file_folder_path': model.folder,
      'session.intra_op.allow_spinning': '0',
    },
  });
  const weights = Object.fromEntries(model.fedWeights.map((fed) => [fed.input, readFedWeight(fed, model.folder)]));
  const all = Object.entries({ ...weights, ...feeds }).map(([name, tensor]) => [name, toOrt(tensor)]);
  const results = await session.run(Object.fromEntries(all));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, fromOrt(result)]));
}

function readFedWeight({ weight, rows, shape }: FedWeight, folder: string): Tensor<'f32'> {
  const whole = new Float32Array(elementCount(weight.shape));
  widenToF32(weight.dtype, viewBytes(weight.dtype, readBytes(folder, weight.location)), whole);
  if (!rows) return f32(shape, whole);
  const rowLength = elementCount(shape.slice(1));
  return f32(shape, whole.subarray(rows[0] * rowLength, rows[1] * rowLength));
}

function readBytes(folder: string, { file, offset, length }: WeightLocation): Uint8Array {
  const bytes = new Uint8Array(length);
  const descriptor = openSync(join(folder, file), 'r');
  readSync(descriptor, bytes, 0, length, offset);
  closeSync(descriptor);
  return bytes;
}

function toOrt(tensor: Tensor): OrtTensor {
  if (tensor.dtype !== 'f32' && tensor.dtype !== 'i32') throw new Error(`No feed is ${tensor.dtype}.`);
  return new OrtTensor(ORT_TYPE[tensor.dtype], tensor.data as Float32Array, tensor.shape);
}

function fromOrt(result: OrtTensor): Tensor<'f32'> {
  return f32(result.dims, result.data as Float32Array);
}
