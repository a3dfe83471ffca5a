/** How a file that cannot be read is reported, in one wording for the whole area, and how errors are told without its folder. */
import { dirname, isAbsolute, sep } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder, a file is needed',
  ENOTDIR: 'is a file, a folder is needed',
  ELOOP: 'is a link that leads back to itself',
};

/** FILE_UNREADABLE for a failed system call on `path`; a MeshError is passed on as it is. */
export function unreadable(path: string, cause: unknown): MeshError {
  if (cause instanceof MeshError) return cause;
  const reason = REASONS[(cause as NodeJS.ErrnoException)?.code ?? ''] ?? `cannot be read: ${String(cause)}`;
  return new MeshError('FILE_UNREADABLE', `${path} ${reason}.`, { file: path }, { cause });
}

/**
 * An error that names files from these folders on. Of a file that lies elsewhere (behind a link) its own name is left: errors
 * of this area have their paths as `file`, `folder` or `folders` in their details, too.
 */
export function withoutFolders(error: MeshError, folders: readonly string[]): MeshError {
  const { file, folder, folders: several } = error.details;
  const elsewhere = [file, folder, several]
    .flat()
    .filter((value): value is string => typeof value === 'string' && isAbsolute(value))
    .map((path) => dirname(path));
  // The longest first: a model's own folder is the parent of its LoRAs'.
  const hidden = [...folders.toSorted((a, b) => b.length - a.length), ...elsewhere].map((folder) => folder + sep);
  const shown = (text: string): string => hidden.reduce((rest, folder) => rest.replaceAll(folder, ''), text);
  const shownValue = (value: unknown): unknown => {
    if (typeof value === 'string') return shown(value);
    return Array.isArray(value) ? value.map(shownValue) : value;
  };
  const details = Object.entries(error.details).map(([key, value]) => [key, shownValue(value)]);
  return new MeshError(error.code, shown(error.message), Object.fromEntries(details), { cause: error });
}
