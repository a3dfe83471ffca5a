/** Puts the path of a request's field on the error of whatever checks it. */
import { MeshError } from './errors.ts';

/**
 * Runs a check of the field at `path` (`loras.0.lora`). What it finds wrong with the field gets `details.path`, unless it
 * names another field itself; failures of the mesh stay as they are.
 */
export async function atField<Result>(path: string, check: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (thrown) {
    if (!(thrown instanceof MeshError) || thrown.status >= 500) throw thrown;
    throw new MeshError(thrown.code, thrown.message, { path, ...thrown.details }, { cause: thrown });
  }
}
