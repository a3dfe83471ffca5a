/**
 * `npm run api-key -- FILE NAME [--scopes generate,read] [--jobs-per-minute N] [--requests-per-minute N] [--jobs-at-once N] [--days N]` makes a key, prints it once and adds its hash
 * to the file, where running gateways find it within a second; `--revoke` takes all keys of the name away.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

const OWNER_ONLY = 0o600;
const DAY_MS = 24 * 60 * 60_000;
const LIMITS = ['jobs-per-minute', 'requests-per-minute', 'jobs-at-once'];

interface KeyFile {
  keys: { name: string }[];
}

async function readKeys(file: string): Promise<KeyFile> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as KeyFile;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { keys: [] };
    throw thrown;
  }
}

/** In one piece: a gateway may be reading. */
async function writeKeys(file: string, content: KeyFile): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: OWNER_ONLY });
  await rename(`${file}.new`, file);
}

/** `{ jobs_per_minute: 30 }` of `--jobs-per-minute 30`. */
function limitsOf(values: Readonly<Record<string, unknown>>): Record<string, number> {
  const given = LIMITS.filter((limit) => values[limit] !== undefined);
  return Object.fromEntries(given.map((limit) => [limit.replaceAll('-', '_'), Number(values[limit])]));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scopes: { type: 'string', default: 'generate,read' },
    ...Object.fromEntries(LIMITS.map((limit) => [limit, { type: 'string' } as const])),
    days: { type: 'string' },
    revoke: { type: 'boolean', default: false },
  },
});
const [file, name] = positionals;
if (!file || !name || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
  process.stderr.write(
    'Usage: npm run api-key -- FILE NAME [--scopes generate,read,admin] [--jobs-per-minute N] [--requests-per-minute N] [--jobs-at-once N] [--days N] [--revoke]\n',
  );
  process.exit(2);
}
const content = await readKeys(file);
if (values.revoke) {
  await writeKeys(file, { keys: content.keys.filter((key) => key.name !== name) });
} else {
  const secret = `lm_${randomBytes(32).toString('base64url')}`;
  const key = {
    name,
    sha256: createHash('sha256').update(secret).digest('hex'),
    scopes: values.scopes.split(','),
    limits: limitsOf(values),
    ...(values.days && { expires_unix_ms: Date.now() + Number(values.days) * DAY_MS }),
  };
  await writeKeys(file, { keys: [...content.keys, key] });
  process.stdout.write(`${secret}\n`);
}
