/**
 * Completes package-lock.json after `npm install`, where the registry at hand does not serve every optional platform package:
 * `npm ci` refuses a lock that names an optional dependency without an entry (npm/cli #9846). The entries added here carry
 * no integrity hash, since the package could not be seen; an install where the whole registry answers fills them in.
 *
 * Run: `node scripts/fix-lock.ts`
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Record<string, string>;
}

const LOCK_PATH = 'package-lock.json';
const OS_NAMES = ['darwin', 'win32', 'android', 'freebsd', 'openharmony'];
const CPU_NAMES = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x'];

function platformOf(packageName: string): Record<string, string[]> {
  const name = packageName.split('/').pop() ?? '';
  const os = OS_NAMES.find((candidate) => name.includes(candidate)) ?? 'linux';
  const cpu = CPU_NAMES.find((candidate) => name.includes(candidate)) ?? 'x64';
  const libc = name.includes('musl') ? ['musl'] : name.includes('gnu') ? ['glibc'] : undefined;
  return { os: [os], cpu: [cpu], ...(libc && { libc }) };
}

const lock = JSON.parse(readFileSync(LOCK_PATH, 'utf8')) as { packages: Record<string, LockEntry> };
const added: string[] = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [dependency, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const hoisted = `node_modules/${dependency}`;
    const isKnown = lock.packages[hoisted] || lock.packages[`${path}/${hoisted}`];
    if (isKnown || !/^\d/.test(version)) continue;
    lock.packages[hoisted] = {
      version,
      ...(entry.dev && { dev: true }),
      ...{ optional: true },
      ...platformOf(dependency),
    };
    added.push(dependency);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(LOCK_PATH, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`added ${added.length} lock entries\n`);
