/** Finds ControlNets and LoRAs by name in a model's own folders and in extra ones. Reads folders anew at each call. */
import { readdir } from 'node:fs/promises';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import { configPath } from './component.ts';
import { unreadable, withoutFolders } from './file-error.ts';
import { readJsonFile } from './json-file.ts';
import { openSingleFile } from './single-file/single-file.ts';

/** Something that a request may name. */
export interface LibraryEntry {
  readonly name: string;
  /** Absolute: a ControlNet's folder or file, a LoRA's file. */
  readonly path: string;
}

/** Where else to look besides the model's own folders; all default to nowhere. */
export interface LibraryOptions {
  /** A folder of ControlNet folders and files each. */
  readonly controlNetFolders?: readonly string[];
  /** A folder of .safetensors files each. */
  readonly loraFolders?: readonly string[];
  /** Whether a request may name an absolute path: only where its sender may read every file anyway. */
  readonly allowPaths?: boolean;
}

const SUFFIX = '.safetensors';

/** See the head of this file. */
export class Library {
  readonly #controlNetFolders: readonly string[];
  readonly #loraFolders: readonly string[];
  readonly #allowPaths: boolean;

  /** model  the checkpoint's folder; its own add-ons win over those of extra folders */
  constructor(model: string, { controlNetFolders = [], loraFolders = [], allowPaths = false }: LibraryOptions = {}) {
    const absolute = (folder: string): string => resolve(folder);
    this.#controlNetFolders = [model, join(model, 'controlnets'), ...controlNetFolders].map(absolute);
    this.#loraFolders = [join(model, 'loras'), ...loraFolders].map(absolute);
    this.#allowPaths = allowPaths;
  }

  /** Every ControlNet, by name; of equal names the first folder's. */
  async listControlNets(): Promise<LibraryEntry[]> {
    return sortedByName(await Promise.all(this.#controlNetFolders.map(controlNetsIn)));
  }

  /** Every LoRA, by name; of equal names the first folder's. */
  async listLoras(): Promise<LibraryEntry[]> {
    return sortedByName(await Promise.all(this.#loraFolders.map(lorasIn)));
  }

  /** @throws MeshError UNKNOWN_CONTROLNET with the nearest names; INVALID_REQUEST for a path. */
  async findControlNet(nameOrPath: string): Promise<LibraryEntry> {
    if (this.#isPath(nameOrPath)) return { name: basename(nameOrPath, SUFFIX), path: resolve(nameOrPath) };
    return findIn(await this.listControlNets(), nameOrPath, 'UNKNOWN_CONTROLNET');
  }

  /** @throws MeshError UNKNOWN_LORA with the nearest names; INVALID_REQUEST for a path. */
  async findLora(nameOrPath: string): Promise<LibraryEntry> {
    if (this.#isPath(nameOrPath)) return { name: basename(nameOrPath, SUFFIX), path: resolve(nameOrPath) };
    return findIn(await this.listLoras(), nameOrPath, 'UNKNOWN_LORA');
  }

  /**
   * Runs what reads files of the library. Whoever may not name files by path is not told where they lie, either: its errors
   * then name them from the library's folders on.
   */
  async reading<Result>(read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (thrown) {
      if (this.#allowPaths || !(thrown instanceof MeshError)) throw thrown;
      throw withoutFolders(thrown, [...this.#controlNetFolders, ...this.#loraFolders]);
    }
  }

  /** A name is looked up in lists and never joined to a folder, so that no name can lead out of one. */
  #isPath(nameOrPath: string): boolean {
    if (!/[/\\\0]/.test(nameOrPath)) return false;
    if (this.#allowPaths && isAbsolute(nameOrPath)) return true;
    const text = `${JSON.stringify(nameOrPath)} is a path; give the name that the library lists.`;
    throw new MeshError('INVALID_REQUEST', text, { name: nameOrPath });
  }
}

function findIn(
  entries: readonly LibraryEntry[],
  name: string,
  code: 'UNKNOWN_CONTROLNET' | 'UNKNOWN_LORA',
): LibraryEntry {
  const found = entries.find((entry) => entry.name === name);
  if (found) return found;
  const known = entries.map((entry) => entry.name);
  const nearest = nearestNames(name, known);
  const kind = code === 'UNKNOWN_LORA' ? 'LoRA' : 'ControlNet';
  const list = `\`latentmesh list ${kind.toLowerCase()}s\` names all ${known.length}.`;
  const hint = nearest.length > 0 ? `Did you mean ${nearest.join(', ')}?` : list;
  throw new MeshError(code, `There is no ${kind} ${JSON.stringify(name)}. ${hint}`, { name, nearest });
}

function sortedByName(perFolder: readonly (readonly LibraryEntry[])[]): LibraryEntry[] {
  const byName = new Map<string, LibraryEntry>();
  for (const entry of perFolder.flat()) if (!byName.has(entry.name)) byName.set(entry.name, entry);
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Files are looked into only where ControlNets are kept: beside a model there may be a hundred other checkpoints. */
async function controlNetsIn(folder: string, index: number): Promise<LibraryEntry[]> {
  const names = (await namesIn(folder)).filter((name) => index > 0 || !name.endsWith(SUFFIX));
  const entries = names.map((name) => ({ name: basename(name, SUFFIX), path: join(folder, name) }));
  const isOne = await Promise.all(entries.map(({ path }) => isControlNet(path)));
  return entries.filter((_, i) => isOne[i]);
}

async function lorasIn(folder: string): Promise<LibraryEntry[]> {
  const files = (await namesIn(folder)).filter((name) => name.endsWith(SUFFIX));
  return files.map((file) => ({ name: basename(file, SUFFIX), path: join(folder, file) }));
}

/** A folder that is not there is empty: most models have no add-ons of their own. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unreadable(folder, cause);
  }
}

/** Whatever cannot be read as a ControlNet is none: the folder may hold anything. */
async function isControlNet(path: string): Promise<boolean> {
  try {
    if (path.endsWith(SUFFIX)) return (await openSingleFile(path)).parts.has('controlnet');
    const { _class_name: className } = await readJsonFile(configPath(path));
    return className === 'ControlNetModel';
  } catch {
    return false;
  }
}
