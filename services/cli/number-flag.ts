/** Numbers on the command line. Which ones make sense is the mesh's to say; here only what is no number is refused. */
import { InvalidArgumentError } from 'commander';

/** Reads a flag's whole number. @throws InvalidArgumentError, which commander shows with the flag */
export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** Reads a flag's number. @throws InvalidArgumentError, which commander shows with the flag */
export function decimalNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number.');
  return value;
}
