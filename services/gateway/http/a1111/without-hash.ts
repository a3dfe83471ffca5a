/** Names of models as the web UI shows them. */

/** The name in `name [1a2b3c4d5e]`, as lists and saved settings have it. */
export function withoutHash(name: string): string {
  return name.replace(/ \[[0-9a-f]{8,}\]$/, '');
}
