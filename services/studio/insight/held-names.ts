/** What actors hold, by the names that people gave it: sets of LoRAs are known to the mesh by the hashes of their files. */

/** `Lora hashes: "neon: 8283545833"` of a picture's parameters, read into `hash → name`. */
export function loraNames(parameters: readonly string[]): ReadonlyMap<string, string> {
  const pairs = parameters.flatMap((text) => {
    const [, hashes = ''] = /Lora hashes: "?([^"\n]*)/.exec(text) ?? [];
    return [...hashes.matchAll(/([^,:]+): ([0-9a-f]{8,})/g)].map(([, name, hash]) => [hash!, name!.trim()] as const);
  });
  return new Map(pairs);
}

/** `neon@1` for `8283545833@1`; a hash that nobody here has used yet is shortened. */
export function heldName(held: string, names: ReadonlyMap<string, string>): string {
  return held.replaceAll(/[0-9a-f]{10,}/g, (hash) => nameOf(hash, names) ?? `LoRA ${hash.slice(0, 4)}`);
}

/** Parameters hold the first ten digits, keys of sets may hold more. */
function nameOf(hash: string, names: ReadonlyMap<string, string>): string | undefined {
  return names.get(hash) ?? names.get(hash.slice(0, 10));
}
