import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { RelayPassEvent } from './events.js';
import type {
  Claim,
  GeneratedClaim,
  NativeCompletion,
  NativeVerification,
  PrivacyPass,
  RateLimit,
  Relay,
} from './results.js';
import type { NativeStore, StoreReport } from './store.js';

/**
 * The glue in `bindings/node`, which no other file of this package loads.
 *
 * Arguments have the right types when they arrive there (`arguments.ts` sees to it); a call that
 * failed resolves with a {@link ErrorRecord}.
 *
 * @internal
 */
export interface Native {
  openClient(options: NativeClientOptions): Outcome<NativeClient>;
  generateKeys(bits: number | undefined): Promised<KeyPair>;
  readKeyPair(privatePem: string): Outcome<KeyPair>;
  readJwk(privateJwk: string): Outcome<KeyPair>;
  openClaim(
    claimPayload: string,
    decryptionKey: string[] | undefined,
    claimType: string | undefined,
    encryptionForm: string | undefined,
  ): Outcome<Claim>;
  checkStore(
    store: NativeStore,
    reopen: (() => Promise<NativeStore>) | undefined,
  ): Promised<NativeCheck>;
  readonly CancelToken: new () => NativeCancelToken;
}

/** @internal */
export interface NativeClient {
  readonly environment: 'production' | 'sandbox';
  create(
    claimType: string,
    encryptionKey: string | undefined,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<Relay>;
  issuePrivacyPass(
    claimType: string | undefined,
    relayToken: string | undefined,
    relaySecret: string | undefined,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<PrivacyPass>;
  generateClaim(
    relayToken: string,
    relaySecret: string,
    privacyPassToken: string,
    claimType: string | undefined,
    decryptionKey: string[] | undefined,
    idempotencyKey: string | undefined,
    encryptionForm: string | undefined,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<GeneratedClaim>;
  startVerification(
    claimType: string,
    reference: string | undefined,
    theme: string | undefined,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<NativeVerification>;
  completeVerification(
    id: string,
    reissue: boolean | undefined,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<NativeCompletion>;
  getVerification(
    id: string,
    theme: string | undefined,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<NativeVerification>;
  forgetVerification(
    id: string,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<true>;
  recoverVerifications(
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<number>;
  pruneVerifications(
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<number>;
  createTable(
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<true>;
  prefetchPasses(
    claimType: string,
    count: number,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<number>;
  countPasses(
    claimType: string,
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<number>;
  close(timeoutSeconds: number | undefined, isCalledBack: boolean): Promised<true>;
  noop(timeoutSeconds: number | undefined, token: NativeCancelToken | undefined): Promised<boolean>;
}

/** @internal */
export interface NativeClientOptions {
  apiKey: string | undefined;
  baseUrl: string | undefined;
  environment: string | undefined;
  timeoutSeconds: number | undefined;
  idleTimeoutSeconds: number | undefined;
  retries: number | undefined;
  caPem: string | undefined;
  anonymousProxy: string | undefined;
  identifiedProxy: string | undefined;
  decryptionKey: string[] | undefined;
  encryptionForm: string | undefined;
  storeUrl: string | undefined;
  store: NativeStore | undefined;
  storeTimeoutSeconds: number | undefined;
  sealKeys: Uint8Array[];
  passBinding: string | undefined;
  purchaseWindowSeconds: number | undefined;
  passPool: number | undefined;
  background: boolean | undefined;
  onEvent: ((scope: number | null, event: RelayPassEvent) => void) | undefined;
}

/** @internal */
export interface NativeCheck extends StoreReport {
  readonly violation: NativeViolation | null;
}

/** @internal */
export interface NativeViolation {
  readonly message: string;
  readonly rule: string;
  readonly found: string;
  readonly thrown: Thrown | null;
}

/**
 * What the caller's own code threw, in a box: it may be `null`.
 *
 * @internal
 */
export interface Thrown {
  readonly value: unknown;
}

/** Cancels the one call that it was given to.
 *
 * @internal
 */
export interface NativeCancelToken {
  cancel(): void;
}

/** @internal */
export interface KeyPair {
  readonly publicKeyPem: string;
  /** As JSON. */
  readonly publicJwk: string;
  readonly privateKeyPem: string;
  /** As JSON. */
  readonly privateJwk: string;
}

/** @internal */
export interface ErrorRecord {
  readonly code: string;
  readonly operation: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly status: number | null;
  readonly title: string | null;
  readonly details: string | null;
  /** As JSON. */
  readonly meta: string | null;
  readonly requestId: string | null;
  readonly rateLimit: RateLimit | null;
  readonly thrown: Thrown | null;
  readonly causes: readonly string[];
  readonly claimPayload: string | null;
  readonly tokenConsumed: boolean | null;
  readonly idempotencyKey: string | null;
}

/** @internal */
export type Outcome<T> = T | ErrorRecord;

/**
 * `null`: the call was cancelled.
 *
 * @internal
 */
export type Promised<T> = Promise<Outcome<T> | null>;

/** @internal */
export const native: Native = load();

function load(): Native {
  const files = candidates().map((name) => join(__dirname, '..', 'native', name));
  const present = files.filter((file) => existsSync(file));
  const failures: unknown[] = [];
  for (const file of present) {
    try {
      return require(file) as Native;
    } catch (failure) {
      failures.push(failure);
    }
  }
  throw loadError(files, failures);
}

/** The files that may fit here, the likelier first; on Linux only loading tells which libc fits. */
function candidates(): string[] {
  const name = `relaypass.${process.platform}-${process.arch}`;
  return process.platform === 'linux'
    ? [`${name}-gnu.node`, `${name}-musl.node`]
    : [`${name}.node`];
}

function loadError(files: readonly string[], failures: readonly unknown[]): Error {
  if (failures.length === 0) {
    return new Error(
      `relaypass has no native addon for ${process.platform} on ${process.arch}: none of ` +
        `${files.join(', ')} is there. Installed packages are for one platform: if node_modules ` +
        'was copied from another machine, install again here. In a checkout of relaypass, run ' +
        '`make build`. With a bundler, leave relaypass out of the bundle (webpack: `externals`, ' +
        'Next.js: `serverExternalPackages`).',
    );
  }
  const reasons = failures.map((failure) =>
    failure instanceof Error ? failure.message : String(failure),
  );
  return new Error(
    `relaypass cannot load its native addon: ${reasons.join('; ')}. The file is there, so this ` +
      'machine refuses it: it may be for another platform or C library, too new for this one ' +
      '(a missing GLIBC version says so), or damaged. Install relaypass again on this machine.',
    { cause: failures.length === 1 ? failures[0] : new AggregateError(failures) },
  );
}
