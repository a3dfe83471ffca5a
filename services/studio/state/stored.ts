/** Signals that outlive the page: kept in the browser, read with care, since an older studio may have written them. */
import { effect, type Signal, signal } from '@preact/signals';

const PREFIX = 'latentmesh.';

/** A signal that begins with what was kept under `name`, passed through `read`, and keeps what it is set to, passed through `write`. */
export function stored<T>(
  name: string,
  fallback: T,
  read: (kept: unknown) => T,
  write: (value: T) => unknown = (value) => value,
): Signal<T> {
  const kept = signal<T>(fallback);
  try {
    const text = localStorage.getItem(PREFIX + name);
    if (text !== null) kept.value = read(JSON.parse(text));
  } catch {
    // Not ours, or a browser that keeps nothing: the fallback will do.
  }
  effect(() => {
    const text = JSON.stringify(write(kept.value));
    try {
      localStorage.setItem(PREFIX + name, text);
    } catch {
      // Full or forbidden: it lives as long as the page.
    }
  });
  return kept;
}

/** Fields of `fallback` that `kept` has with the same type. */
export function likeFallback<T extends object>(fallback: T): (kept: unknown) => T {
  return (kept) => {
    const given = (kept ?? {}) as Partial<T>;
    const fits = Object.keys(fallback).filter((key) => {
      const [wanted, found] = [fallback[key as keyof T], given[key as keyof T]];
      return typeof found === typeof wanted && Array.isArray(found) === Array.isArray(wanted);
    });
    return { ...fallback, ...Object.fromEntries(fits.map((key) => [key, given[key as keyof T]])) };
  };
}
