/**
 * Reads one `config.json` key by key and accounts for all of them: a key that would change the numbers and is not
 * supported is refused by name, never skipped.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { JsonRecord } from './json-file.ts';

/** Inclusive limits of an integer, so that a hostile configuration cannot ask for a graph without end. */
export interface Limits {
  readonly min: number;
  readonly max: number;
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'undefined';

/** See the head of this file. */
export class ConfigReader {
  readonly #path: string;
  readonly #config: JsonRecord;
  readonly #read = new Set<string>();

  constructor(path: string, config: JsonRecord) {
    this.#path = path;
    this.#config = config;
  }

  /** Value of a key; `undefined` when it is absent or null. Marks the key as understood. */
  value(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.#config, key) ? (this.#config[key] ?? undefined) : undefined;
  }

  integer(key: string, limits: Limits, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (isWithin(value, limits)) return value;
    throw this.invalid(key, `an integer from ${limits.min} to ${limits.max}`);
  }

  /** Whether a key is there and null: diffusers takes its default for an absent one only. Marks the key as understood. */
  isNull(key: string): boolean {
    this.#read.add(key);
    return Object.hasOwn(this.#config, key) && this.#config[key] === null;
  }

  /** One integer, or one per block. */
  integers(key: string, limits: Limits, fallback?: readonly number[]): readonly number[] {
    const value = this.value(key) ?? fallback;
    if (Array.isArray(value) && value.length > 0 && value.every((item) => isWithin(item, limits))) return value;
    throw this.invalid(key, `a list of integers from ${limits.min} to ${limits.max}`);
  }

  number(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.invalid(key, 'a number');
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.invalid(key, 'true or false');
  }

  /** One of the values that are supported. */
  oneOf<Value extends string>(key: string, supported: readonly Value[], fallback?: Value): Value {
    const value = this.value(key) ?? fallback;
    if (supported.includes(value as Value)) return value as Value;
    throw this.unsupported(key, `supported: ${supported.join(', ')}`);
  }

  /** One word per block, translated by `table`. */
  words<Word>(key: string, table: Readonly<Record<string, Word>>, fallback?: readonly string[]): readonly Word[] {
    const value = this.value(key) ?? fallback;
    if (!Array.isArray(value) || value.length === 0) throw this.invalid(key, 'a list of names');
    return value.map((item) => {
      if (typeof item === 'string' && Object.hasOwn(table, item)) return table[item]!;
      throw this.unsupported(key, `${show(item)} is not among ${Object.keys(table).join(', ')}`);
    });
  }

  /** Refuses a key unless it is absent, null, or one of the values that change nothing. */
  only(key: string, neutral: readonly unknown[]): void {
    const value = this.value(key);
    if (value === undefined || neutral.some((item) => show(item) === show(value))) return;
    throw this.unsupported(key, neutral.length > 0 ? `only ${neutral.map(show).join(' or ')} is` : 'it has to be null');
  }

  /** Keys that never change the numbers of a forward pass. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /**
   * Every key has to have been understood by now; those with `_` in front are notes, null and false ask for nothing.
   * @throws MeshError CONFIG_UNSUPPORTED naming the first other key and its value.
   */
  finish(): void {
    for (const [key, value] of Object.entries(this.#config)) {
      if (this.#read.has(key) || key.startsWith('_') || value === null || value === false) continue;
      throw this.unsupported(key, 'this key is not known');
    }
  }

  /** @throws MeshError CONFIG_INVALID when the class, or one of the architectures, is not among `expected`. */
  className(key: '_class_name' | 'architectures', expected: readonly string[]): void {
    const value = this.value(key);
    const names = Array.isArray(value) ? value : [value];
    if (value === undefined || names.some((name) => expected.includes(name as string))) return;
    throw new MeshError(
      'CONFIG_INVALID',
      `${this.#path} is of class ${names.map(show).join(', ')}, ${expected.join(' or ')} is needed. Is it the right folder?`,
      { file: this.#path, key, got: value, expected },
    );
  }

  invalid(key: string, expected: string): MeshError {
    return new MeshError(
      'CONFIG_INVALID',
      `${this.#path}: ${key} has to be ${expected}, not ${show(this.value(key))}.`,
      {
        file: this.#path,
        key,
        got: this.value(key),
      },
    );
  }

  unsupported(key: string, reason: string): MeshError {
    return new MeshError(
      'CONFIG_UNSUPPORTED',
      `${this.#path}: ${key} = ${show(this.value(key))} is not supported: ${reason}.`,
      { file: this.#path, key, value: this.value(key) },
    );
  }
}

function isWithin(value: unknown, { min, max }: Limits): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}
