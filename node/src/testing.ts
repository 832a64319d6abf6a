/**
 * For the tests of your own store.
 *
 * @packageDocumentation
 */

import { optional, readFunction, readOptions } from './arguments.js';
import { call } from './cancel.js';
import { native } from './native.js';
import { adaptStore, readStoreObject } from './store.js';
import type { Awaitable, RelayStore, StoreReport } from './store.js';

export type { StoreReport } from './store.js';

/** What {@link checkStore} takes beside the store. */
export interface CheckOptions {
  /**
   * Gives another handle on the same data: a second connection or object, as another process would
   * have it. Called several times. With it the suite checks as well what one handle sees of
   * another's work.
   */
  readonly reopen?: (() => Awaitable<RelayStore>) | null | undefined;
}

/** A store breaks its contract. */
export class StoreViolation extends Error {
  /** The rule, in one sentence. */
  readonly rule: string;
  /** What happened instead. */
  readonly found: string;

  /** For tests of code that handles it; relaypass makes its own. */
  constructor(message: string, facts: { rule: string; found: string; cause?: unknown }) {
    super(message, 'cause' in facts ? { cause: facts.cause } : undefined);
    this.rule = facts.rule;
    this.found = facts.found;
  }
}

// From a literal: a bundler that shortens the names of classes does not change this one.
Object.defineProperty(StoreViolation.prototype, 'name', {
  value: 'StoreViolation',
  configurable: true,
});

/**
 * Checks that a store keeps the contract of {@link RelayStore}, in a second or two: atomicity under
 * concurrent writers, order and paging of `scan`, every allowed character, deletion, late writes.
 *
 * Its keys begin with `conformance/` and a random part, so it may run on a store in use; it deletes
 * what it made. What no program can check on itself is that a record survives a crash of the
 * machine.
 *
 * @throws {@link StoreViolation}: the first rule that the store breaks. If a method threw, what it
 * threw is the `cause`.
 *
 * @example
 * ```ts
 * import { checkStore } from 'relaypass/testing';
 *
 * test('my store', () => checkStore(new MyStore(pool), { reopen: () => new MyStore(otherPool) }));
 * ```
 */
export async function checkStore(
  store: RelayStore,
  options?: CheckOptions | null,
): Promise<StoreReport> {
  const checked = adaptStore(readStoreObject(store, 'store must be'));
  const given = readOptions(options, 'options', ['reopen']);
  const reopen = optional(readFunction, given.reopen, 'reopen');
  const { passed, skipped, violation } = await call(undefined, () =>
    native.checkStore(
      checked,
      reopen === undefined
        ? undefined
        : async () => adaptStore(readStoreObject(await reopen(), 'reopen must return')),
    ),
  );
  if (violation !== null) {
    const { message, rule, found, thrown } = violation;
    const cause = thrown === null ? {} : { cause: thrown.value };
    throw new StoreViolation(message, { rule, found, ...cause });
  }
  return Object.freeze({ passed: Object.freeze(passed), skipped: Object.freeze(skipped) });
}
