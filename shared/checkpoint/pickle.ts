/** Formats that run code when they are read, or are read by other programs: what to do instead. */

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /\.(?:ckpt|pth?|bin|pkl)$/i,
    'a pickle can run code when it is read and is therefore refused. Convert it where you trust it: ' +
      "python -c \"import torch, safetensors.torch as s; d = torch.load('model.ckpt', map_location='cpu', weights_only=True); " +
      "s.save_file({k: v.contiguous() for k, v in d.get('state_dict', d).items() if hasattr(v, 'contiguous')}, 'model.safetensors')\"",
  ],
  [/\.gguf$/i, 'GGUF files hold quantized weights of other programs; take the .safetensors file of the model'],
  [/\.onnx$/i, 'a graph alone is no checkpoint: latentmesh writes its own; take the .safetensors file of the model'],
];

/** What to tell of a file by its ending; undefined where the ending says nothing. */
export function pickleHint(path: string): string | undefined {
  return HINTS.find(([pattern]) => pattern.test(path))?.[1];
}
