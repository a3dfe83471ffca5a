/** Near names for "did you mean": edit distance over short lists of samplers, models, LoRAs. */

/** A longer one is no slip; comparing takes time that grows with it. */
const MAX_NAME_CHARS = 200;

/**
 * The known names closest to a mistyped one, best first: those that contain it or are contained in it, and those that
 * are at most half of the longer name's letters away. Upper and lower case are one.
 */
export function nearestNames(name: string, known: readonly string[], limit = 3): string[] {
  if (name.length > MAX_NAME_CHARS) return [];
  const wanted = name.toLowerCase();
  return known
    .map((candidate) => ({ candidate, distance: distanceToName(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

function distanceToName(wanted: string, candidate: string): number {
  const edits = editDistance(wanted, candidate);
  const contained = wanted.length > 1 && (candidate.includes(wanted) || wanted.includes(candidate));
  if (contained) return edits / 2;
  return edits <= Math.max(wanted.length, candidate.length) / 2 ? edits : Number.POSITIVE_INFINITY;
}

/** Levenshtein distance: insertions, deletions and replacements of UTF-16 units that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, above[column]! + 1, current[column - 1]! + 1));
    }
    above = current;
  }
  return above[b.length]!;
}
