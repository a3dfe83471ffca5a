/** What a call throws, as the mesh sees it. */
import { type ErrorCode, MeshError } from '#shared/errors/errors.ts';

export function errorOf(act: () => unknown): MeshError {
  try {
    act();
  } catch (error) {
    return MeshError.from(error);
  }
  throw new Error('Nothing was thrown.');
}

export function codeOf(act: () => unknown): ErrorCode {
  return errorOf(act).code;
}
