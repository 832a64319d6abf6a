import { runInScope } from './scope.js';

/**
 * What a {@link RelayPassEvent} is about. Stable, and the same in every language of relaypass.
 *
 * - `possible_double_charge`: a blinded message that may have been billed already is sent under a
 *   new idempotency key.
 * - `unknown_outcome`: nobody can tell whether a pass was billed, or whether it is spent.
 * - `key_changed`: Persona signs with another key than before.
 * - `issuer_inconsistent`: Persona gave two challenges, two keys or two ids of a key for the same hour: what differs
 *   goes with the pass, and may tell her whose it is.
 * - `key_id_mismatch`: the id of Persona's key is not the SHA-256 of the key: it could be anything, and goes with the
 *   pass.
 * - `linkable_by_time`: a pass was bought in the call that asks for the answer: Persona can tell by the
 *   clock which relay it is for.
 * - `purchase_failed`: a pass could not be bought in the background, and cannot be before somebody mends
 *   the cause: a wrong API key, a missing permission. Once for each cause; the message names its code.
 * - `waiting_for_pass`: a verification needs a pass and the pool has none, and strict privacy buys none
 *   for it. Once for each verification.
 * - `pending`: Persona does not answer the question yet.
 * - `refunded`: a pass that was not consumed went back to the pool.
 * - `pool_stopped`: two signatures in a row were no use; the pool buys no more passes of this claim
 *   type for an hour, or until one that is bought otherwise is good.
 * - `background_failure`: work in the background failed, and will be tried again.
 */
export type EventKind =
  | 'possible_double_charge'
  | 'unknown_outcome'
  | 'key_changed'
  | 'issuer_inconsistent'
  | 'key_id_mismatch'
  | 'linkable_by_time'
  | 'purchase_failed'
  | 'waiting_for_pass'
  | 'pending'
  | 'refunded'
  | 'pool_stopped'
  | 'background_failure';

/** Something that your log should know and that is no error. It holds no secret, and is frozen. */
export interface RelayPassEvent {
  /** What happened. */
  readonly kind: EventKind;
  /** The verification it happened to; `null` for passes bought ahead. */
  readonly verificationId: string | null;
  /** Persona's `Request-Id`, if an answer led to it. */
  readonly requestId: string | null;
  /** What happened, in a sentence. */
  readonly message: string;
}

/**
 * A listener that never throws: nobody could catch it. Its first exception, thrown or rejected,
 * becomes a process warning; later ones are dropped.
 *
 * @internal
 */
export function makeListener(
  onEvent: (event: RelayPassEvent) => unknown,
): (scope: number | null, event: RelayPassEvent) => void {
  let warned = false;
  const warn = (thrown: unknown): void => {
    if (!warned) {
      warned = true;
      process.emitWarning(
        'The onEvent of a RelayPass threw. That, and what it throws later, is ignored.',
        { type: 'RelayPassWarning', code: 'RELAYPASS_ON_EVENT', detail: describe(thrown) },
      );
    }
  };
  return (scope, event) => {
    const told = async (): Promise<unknown> => onEvent(Object.freeze(event));
    runInScope(scope, told).catch(warn);
  };
}

function describe(thrown: unknown): string {
  return thrown instanceof Error
    ? (thrown.stack ?? thrown.message)
    : `It threw a ${typeof thrown}.`;
}
