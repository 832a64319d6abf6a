import { isUint8Array } from 'node:util/types';

/**
 * The types of arguments, as programs without TypeScript get them wrong. What a value means, and
 * whether it may be so, is for the core to say; no message here repeats a value, for it may be a
 * secret.
 */

/**
 * What a call is about, such as a relay. Other members than its own are ignored: rows of a database
 * and earlier results are passed as they are.
 *
 * @internal
 */
export function readData<T extends object>(value: T, name: string): { [K in keyof T]: unknown } {
  return readObject(value, name);
}

/**
 * Options: an object with no other members than these, or nothing. A misspelt option must not be
 * silently off.
 *
 * @internal
 */
export function readOptions<K extends string>(
  value: unknown,
  name: string,
  known: readonly K[],
): Partial<Record<K, unknown>> {
  const options = readObject(value ?? {}, name);
  for (const member of Object.keys(options)) {
    if (!(known as readonly string[]).includes(member)) {
      throw new TypeError(`${name} has no member ${member}; it may have ${known.join(', ')}`);
    }
  }
  return options;
}

function readObject<T>(value: T, name: string): T & object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${name} must be an object`);
  }
  return value;
}

/** @internal */
export function readText(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw new TypeError(`${name} must be a string`);
  }
  return value;
}

/**
 * One text, or a list of them.
 *
 * @internal
 */
export function readTexts(value: unknown, name: string): string[] {
  const texts: unknown[] = Array.isArray(value) ? value : [value];
  if (!texts.every((text) => typeof text === 'string')) {
    throw new TypeError(`${name} must be a string, or an array of strings`);
  }
  return texts;
}

/** @internal */
export function readFlag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(`${name} must be true or false`);
  }
  return value;
}

/** @internal */
export function readFunction(value: unknown, name: string): (...args: unknown[]) => unknown {
  if (typeof value !== 'function') {
    throw new TypeError(`${name} must be a function`);
  }
  return value as (...args: unknown[]) => unknown;
}

/**
 * One seal key, or a list of them.
 *
 * @internal
 */
export function readKeys(value: unknown, name: string): Uint8Array[] {
  const keys: unknown[] = Array.isArray(value) ? value : [value];
  if (keys.length === 0 || !keys.every(isUint8Array)) {
    // An empty array too: whoever sets a key must not find records unsealed.
    throw new TypeError(`${name} must be a Uint8Array of 32 bytes, or an array of such keys`);
  }
  return keys;
}

/** @internal */
export function readInteger(value: unknown, name: string): number {
  if (!Number.isInteger(value)) {
    throw new TypeError(`${name} must be an integer`);
  }
  return value as number;
}

/**
 * A time in milliseconds, as seconds.
 *
 * @internal
 */
export function readMilliseconds(value: unknown, name: string): number {
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number of milliseconds`);
  }
  return value / 1_000;
}

/** @internal */
export function readSignal(value: unknown, name: string): AbortSignal {
  // Not `instanceof`: a test runner or a polyfill may have an AbortSignal of its own.
  const signal = value as Partial<AbortSignal> | null | undefined;
  if (
    typeof signal !== 'object' ||
    typeof signal?.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function'
  ) {
    throw new TypeError(`${name} must be an AbortSignal`);
  }
  return signal as AbortSignal;
}

/**
 * What may be left out: `undefined` and `null` are as good as not there.
 *
 * @internal
 */
export function optional<T>(
  read: (value: unknown, name: string) => T,
  value: unknown,
  name: string,
): T | undefined {
  return value === undefined || value === null ? undefined : read(value, name);
}
