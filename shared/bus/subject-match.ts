/** Subject wildcards as a NATS server reads them: `*` is one token, `>` is one or more at the end. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [i, want] of wanted.entries()) {
    if (want === '>') return tokens.length > i;
    if (tokens[i] === undefined || (want !== '*' && want !== tokens[i])) return false;
  }
  return tokens.length === wanted.length;
}
