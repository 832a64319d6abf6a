import { makeError } from './errors.js';
import { native } from './native.js';
import type { ErrorRecord, NativeCancelToken, Outcome, Promised } from './native.js';

/**
 * The result, or the error in its place.
 *
 * @internal
 */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (isFailure(outcome)) {
    throw makeError(outcome);
  }
  return outcome;
}

/**
 * Makes a native call that `signal` takes back.
 *
 * An aborted call is rejected with the signal's reason, as `fetch` does; what it was waiting for is
 * dropped, its connection included. With a signal that is aborted already nothing is sent.
 *
 * @internal
 */
export async function call<T>(
  signal: AbortSignal | undefined,
  start: (token: NativeCancelToken | undefined) => Promised<T>,
): Promise<T> {
  const outcome = signal === undefined ? await start(undefined) : await callUntil(signal, start);
  if (outcome === undefined) {
    // This thread is ending, and nothing can be called any more. An error would have whoever repeats a
    // call at once go round for as long as his last microtasks run.
    return new Promise(() => {});
  }
  if (outcome === null) {
    throw signal?.reason;
  }
  return unwrap(outcome);
}

async function callUntil<T>(
  signal: AbortSignal,
  start: (token: NativeCancelToken) => Promised<T>,
): Promise<Outcome<T> | null> {
  if (signal.aborted) {
    return null;
  }
  const token = new native.CancelToken();
  const stopListening = cancelOnAbort(signal, token);
  try {
    return await start(token);
  } finally {
    stopListening();
  }
}

/** One listener serves all calls in flight on a signal: of more than ten, Node warns. */
const LISTENERS = new WeakMap<AbortSignal, Listener>();

interface Listener {
  readonly tokens: Set<NativeCancelToken>;
  readonly cancelAll: () => void;
}

function cancelOnAbort(signal: AbortSignal, token: NativeCancelToken): () => void {
  const listener = LISTENERS.get(signal) ?? addListener(signal);
  listener.tokens.add(token);
  return () => {
    listener.tokens.delete(token);
    if (listener.tokens.size === 0) {
      LISTENERS.delete(signal);
      try {
        signal.removeEventListener('abort', listener.cancelAll);
      } catch {
        // A foreign signal's failure must not cost the result; a listener left cancels nothing.
      }
    }
  };
}

function addListener(signal: AbortSignal): Listener {
  const tokens = new Set<NativeCancelToken>();
  const listener = { tokens, cancelAll: () => tokens.forEach((token) => token.cancel()) };
  signal.addEventListener('abort', listener.cancelAll);
  LISTENERS.set(signal, listener);
  return listener;
}

function isFailure<T>(outcome: Outcome<T>): outcome is ErrorRecord {
  return typeof outcome === 'object' && outcome !== null && 'code' in outcome;
}
