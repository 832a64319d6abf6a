import { isUint8Array } from 'node:util/types';

import { runInScope } from './scope.js';

/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What a {@link RelayStore} keeps under a key. All numbers are whole, and at most 2 ** 53. */
export interface StoreRecord {
  /**
   * Opaque bytes, up to 64 KiB; any byte may occur in them, zero included. Those given to a store
   * are its to keep.
   */
  readonly value: Uint8Array;
  /** Set by relaypass: by chance at first, and one more with every swap; at most 2^53. */
  readonly version: number;
  /** When somebody should look at it again, in milliseconds since the epoch; `null`: never. */
  readonly dueAt: number | null;
  /**
   * After this time, in milliseconds since the epoch, the store may drop the record, or keep it;
   * `null`: the record must be kept.
   */
  readonly expiresAt: number | null;
}

/**
 * The contract between relaypass and your database: three methods that return their answer or a
 * promise of it. `checkStore` of `relaypass/testing` tests all of what follows.
 *
 * - **Keys** are 1 to 255 characters out of `A-Z a-z 0-9 - . _ ~ /`, compared byte for byte: `a`
 *   and `A` are two keys, and `_` is no wildcard.
 * - **`compareAndSwap` is atomic, and durable** when its promise resolves. Of several writers who
 *   expect the same version, exactly one gets `true`.
 * - **`load` sees the latest swap**, whoever made it. No replica that lags, no cache.
 * - **Errors are errors.** A method that cannot do its work throws (or rejects); it never says
 *   `null` or `false` instead. What it threw is the `cause` of the {@link StoreError} that the
 *   caller gets: the same object.
 * - **A method may be called again** after it failed or took longer than `storeTimeoutMs`, and a
 *   write may still land after that.
 * - **Methods run at the same time**, with no order among them, and may call the client again.
 *
 * A store that holds its client is never collected, nor is the client: make one of each, not one
 * per request.
 */
export interface RelayStore {
  /** The record under `key`, or nothing. */
  load(key: string): Awaitable<StoreRecord | null | undefined>;
  /**
   * Puts `next` under `key` (`null`: deletes it) if the version there is `expected` (`null`: if
   * nothing is there), in one atomic step. Says whether it did.
   */
  compareAndSwap(
    key: string,
    expected: number | null,
    next: StoreRecord | null,
  ): Awaitable<boolean>;
  /**
   * Up to `limit` keys that begin with `prefix`.
   *
   * With `dueBefore`: only those whose `dueAt` is at or before it, the oldest `dueAt` first, keys
   * with the same one in their own order. Its cost must follow the number of such keys, not the
   * number of records: an index on `dueAt` does it. With `null`: all of them, in the order of their
   * keys, byte by byte.
   */
  scan(prefix: string, dueBefore: number | null, limit: number): Awaitable<readonly string[]>;
}

const METHODS = ['load', 'compareAndSwap', 'scan'] as const;

/**
 * A store as the addon calls it. Its methods are `async`, so none throws at once; an answer of the
 * wrong type becomes a text that says what was expected.
 *
 * @internal
 */
export function adaptStore(store: RelayStore): NativeStore {
  async function ask<T, A>(scope: number | null, method: () => T, read: (answer: Awaited<T>) => A) {
    return read(await runInScope(scope, method));
  }
  return {
    load: (scope, key) => ask(scope, () => store.load(key), readFound),
    compareAndSwap: (scope, key, expected, next) =>
      ask(scope, () => store.compareAndSwap(key, expected, next), readSwapped),
    scan: (scope, prefix, dueBefore, limit) =>
      ask(scope, () => store.scan(prefix, dueBefore, limit), readKeys),
  };
}

/** @internal */
export function readStore(value: unknown, name: string): string | RelayStore {
  return typeof value === 'string' ? value : readStoreObject(value, `${name} must be a URL or`);
}

/** @internal */
export function readStoreObject(value: unknown, mustBe: string): RelayStore {
  const store = value as Partial<RelayStore> | null | undefined;
  if (
    typeof store !== 'object' ||
    store === null ||
    METHODS.some((method) => typeof store[method] !== 'function')
  ) {
    throw new TypeError(`${mustBe} an object with the methods ${METHODS.join(', ')}`);
  }
  return store as RelayStore;
}

function readFound(found: unknown): NativeRecord | null | string {
  if (found === null || found === undefined) {
    return null;
  }
  if (typeof found !== 'object') {
    return 'a record { value, version, dueAt, expiresAt }, null or undefined';
  }
  const { value, version, dueAt, expiresAt } = found as Partial<Record<string, unknown>>;
  if (!isUint8Array(value)) {
    return 'a record whose value is a Uint8Array or a Buffer';
  }
  if (!isWhole(version)) {
    return `a record whose version is ${WHOLE}`;
  }
  if (dueAt !== null && !isWhole(dueAt)) {
    return `a record whose dueAt is null or ${WHOLE}`;
  }
  if (expiresAt !== null && !isWhole(expiresAt)) {
    return `a record whose expiresAt is null or ${WHOLE}`;
  }
  return { value, version, dueAt, expiresAt };
}

function readSwapped(swapped: unknown): boolean | string {
  return typeof swapped === 'boolean' ? swapped : 'true or false';
}

function readKeys(keys: unknown): string[] | string {
  return Array.isArray(keys) && keys.every((key) => typeof key === 'string')
    ? keys
    : 'an array of strings';
}

const WHOLE = 'a whole number from 0 to 2 ** 53, of type number';

function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 2 ** 53;
}

/** What {@link checkStore} checked. */
export interface StoreReport {
  /** The parts of the suite that passed. */
  readonly passed: readonly string[];
  /** The parts that could not run: `reopening`, without `reopen`. */
  readonly skipped: readonly string[];
}

/**
 * A store as the addon calls it, on this thread. Each answer has its type, or is a text that says
 * what was expected.
 *
 * @internal
 */
export interface NativeStore {
  load(scope: number | null, key: string): Promise<NativeRecord | null | string>;
  compareAndSwap(
    scope: number | null,
    key: string,
    expected: number | null,
    next: NativeRecord | null,
  ): Promise<boolean | string>;
  scan(
    scope: number | null,
    prefix: string,
    dueBefore: number | null,
    limit: number,
  ): Promise<string[] | string>;
}

/** @internal */
export interface NativeRecord {
  readonly value: Uint8Array;
  readonly version: number;
  readonly dueAt: number | null;
  readonly expiresAt: number | null;
}
