/** How a file that cannot be read is reported: one wording for the whole area. */
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
