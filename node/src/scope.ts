import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

const CALLED_BACK = new AsyncLocalStorage<true>();

/**
 * Where the calls in flight were made, so that what they call back runs in the same place
 * (`AsyncLocalStorage`). Rust names a call by its number.
 */
const SCOPES = new Map<number, AsyncResource>();

let latest = 0;

/**
 * Runs a call that may call back, and gives it its number.
 *
 * @internal
 */
export async function withScope<T>(call: (scope: number) => Promise<T>): Promise<T> {
  // Never 0, which is the background's.
  latest = (latest + 1) >>> 0 || 1;
  const scope = latest;
  SCOPES.set(scope, new AsyncResource('RELAYPASS'));
  try {
    return await call(scope);
  } finally {
    // An event that was told before the result may yet arrive in the next turn of the event loop.
    setImmediate(() => setImmediate(() => SCOPES.delete(scope)));
  }
}

/**
 * Runs `action` where the call was made; what works in the background (`null`) and what is late
 * runs where the client was made.
 *
 * @internal
 */
export function runInScope<T>(scope: number | null, action: () => T): T {
  const resource = scope === null ? undefined : SCOPES.get(scope);
  const marked = (): T => CALLED_BACK.run(true, action);
  return resource === undefined ? marked() : resource.runInAsyncScope(marked);
}

/**
 * Whether this is code that relaypass called: a call may wait for it to end.
 *
 * @internal
 */
export function isCalledBack(): boolean {
  return CALLED_BACK.getStore() === true;
}
