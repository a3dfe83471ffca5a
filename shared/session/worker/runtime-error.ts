/** What onnxruntime throws, as one of the mesh's errors. */
import { MeshError } from '#shared/errors/errors.ts';

// The only place that reads an error's text: onnxruntime and V8 say nothing else when memory runs out.
const OUT_OF_MEMORY = /failed to allocate|allocation failed|bad_alloc|out of memory/i;

/** where   the graph's name, or what was being done */
export function runtimeError(thrown: unknown, where: string): MeshError {
  if (thrown instanceof MeshError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (OUT_OF_MEMORY.test(text)) {
    return new MeshError(
      'OUT_OF_MEMORY',
      `${where}: memory ran out. Ask for smaller or fewer pictures, or give the process more memory. (${text})`,
      { where },
      { cause: thrown },
    );
  }
  return new MeshError('INTERNAL', `${where}: ${text}`, { where }, { cause: thrown });
}
