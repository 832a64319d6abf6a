import { loadAddon } from './addon.js';
import type { RelayPassEvent } from './events.js';
import type { PrivacyReport } from './privacy.js';
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
  privacyReport(
    timeoutSeconds: number | undefined,
    token: NativeCancelToken | undefined,
    scope: number,
  ): Promised<PrivacyReport>;
  close(timeoutSeconds: number | undefined, isCalledBack: boolean): Promised<true>;
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
  anonymousProxy: string[] | undefined;
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
  privacy: string | undefined;
  isolation: string | undefined;
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
export const native = loadAddon() as Native;
