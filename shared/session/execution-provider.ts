/** Which part of onnxruntime serves a device name. Plain data: it crosses into the worker. */
import { MeshError } from '#shared/errors/errors.ts';

/** A provider, and which of its devices. */
export type ExecutionProvider =
  | { readonly name: 'cpu' }
  | { readonly name: 'webgpu' }
  | { readonly name: 'cuda'; readonly deviceId: number };

/** What to do when a provider cannot be used. */
export const REMEDIES: Readonly<Record<ExecutionProvider['name'], string>> = {
  cpu: 'Reinstall onnxruntime-node for this platform.',
  webgpu: 'It needs a driver for Vulkan, Metal or Direct3D 12; check it, or choose the device cpu.',
  cuda:
    'It needs CUDA 12, cuDNN 9 and the CUDA files of onnxruntime-node ' +
    '(node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12); install them, or choose the device cpu.',
};

/**
 * Reads `cpu`, `webgpu`, `cuda:<index>`.
 * @throws MeshError CONFIGURATION for any other name
 */
export function executionProvider(device: string): ExecutionProvider {
  if (device === 'cpu' || device === 'webgpu') return { name: device };
  const cuda = /^cuda:(\d{1,3})$/.exec(device);
  if (cuda) return { name: 'cuda', deviceId: Number(cuda[1]) };
  throw new MeshError('CONFIGURATION', `There is no device "${device}": use cpu, webgpu, or cuda:0, cuda:1, ….`, {
    device,
  });
}
