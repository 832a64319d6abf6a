import type { ErrorRecord } from './native.js';
import type { RateLimit } from './results.js';

/**
 * What went wrong, by who can do something about it. Stable, and the same in every language of
 * relaypass.
 */
export type ErrorCode =
  | 'invalid_argument'
  | 'authentication'
  | 'permission_denied'
  | 'not_found'
  | 'conflict'
  | 'unprocessable'
  | 'rate_limited'
  | 'server_error'
  | 'timeout'
  | 'network'
  | 'protocol'
  | 'pass_rejected'
  | 'pass_expired'
  | 'decryption'
  | 'claim_mismatch'
  | 'privacy_refused'
  | 'store'
  | 'outcome_unknown'
  | 'closed'
  | 'cancelled'
  | 'internal';

/** What is known about a call that failed, beside its message. */
export interface ErrorFacts {
  /** See {@link RelayPassError.operation}. */
  readonly operation?: string;
  /** See {@link RelayPassError.retryable}. */
  readonly retryable?: boolean;
  /** See {@link RelayPassError.status}. */
  readonly status?: number | null;
  /** See {@link RelayPassError.title}. */
  readonly title?: string | null;
  /** See {@link RelayPassError.details}. */
  readonly details?: string | null;
  /** See {@link RelayPassError.meta}. */
  readonly meta?: Readonly<Record<string, unknown>> | null;
  /** See {@link RelayPassError.requestId}. */
  readonly requestId?: string | null;
  /** See {@link RelayPassError.rateLimit}. */
  readonly rateLimit?: RateLimit | null;
  /** See {@link RelayPassError.claimPayload}. */
  readonly claimPayload?: string | null;
  /** See {@link RelayPassError.tokenConsumed}. */
  readonly tokenConsumed?: boolean | null;
  /** See {@link RelayPassError.idempotencyKey}. */
  readonly idempotencyKey?: string | null;
  /** What led to it. */
  readonly cause?: unknown;
}

/**
 * A call that failed: the base of one class for each {@link ErrorCode}.
 *
 * It may be logged: its message and what shows of it hold no secret.
 * {@link RelayPassError.claimPayload} and {@link RelayPassError.idempotencyKey} are secret, and
 * show only where they are read.
 *
 * @example
 * ```ts
 * try {
 *   await client.relays.generateClaim({ relayToken, relaySecret, privacyPassToken });
 * } catch (error) {
 *   if (error instanceof RelayPassError && error.retryable) {
 *     return askAgainLater(error.requestId);
 *   }
 *   throw error;
 * }
 * ```
 */
export abstract class RelayPassError extends Error {
  /** The `code` of all errors of a class. */
  declare static readonly code: ErrorCode;

  /** What went wrong; tells the classes apart without `instanceof`. */
  readonly code: ErrorCode;
  /**
   * The call that failed, such as `relays.create` or `verifications.start`; empty where no call was
   * made yet. The same text in every language.
   */
  readonly operation: string;
  /** Whether the same call may well succeed later, without a risk of being billed twice. */
  readonly retryable: boolean;
  /** The HTTP status, if Persona answered. */
  readonly status: number | null;
  /** Persona's own name for the error. */
  readonly title: string | null;
  /** Persona's explanation. */
  readonly details: string | null;
  /** What else Persona says, if it is small. */
  readonly meta: Readonly<Record<string, unknown>> | null;
  /** Persona's `Request-Id`: what their support asks for. */
  readonly requestId: string | null;
  /** The rate limit, if Persona reported it. */
  readonly rateLimit: RateLimit | null;

  readonly #claimPayload: string | null;
  readonly #tokenConsumed: boolean | null;
  readonly #idempotencyKey: string | null;

  /** For tests of code that handles errors; relaypass makes its own. */
  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, 'cause' in facts ? { cause: facts.cause } : undefined);
    this.code = new.target.code;
    this.operation = facts.operation ?? '';
    this.retryable = facts.retryable ?? false;
    this.status = facts.status ?? null;
    this.title = facts.title ?? null;
    this.details = facts.details ?? null;
    this.meta = facts.meta ?? null;
    this.requestId = facts.requestId ?? null;
    this.rateLimit = facts.rateLimit ?? null;
    this.#claimPayload = facts.claimPayload ?? null;
    this.#tokenConsumed = facts.tokenConsumed ?? null;
    this.#idempotencyKey = facts.idempotencyKey ?? null;
  }

  /**
   * A claim that arrived and could not be opened or accepted, with {@link DecryptionError},
   * {@link ClaimMismatchError} and, on redemption, {@link ProtocolError}; else `null`.
   *
   * The pass behind it may be spent, so keep it: `openClaim` reads it with the right key. It does
   * not show when the error is logged.
   */
  get claimPayload(): string | null {
    return this.#claimPayload;
  }

  /**
   * Whether the pass behind {@link RelayPassError.claimPayload} is spent; `null` without one, or
   * if the answer does not say.
   */
  get tokenConsumed(): boolean | null {
    return this.#tokenConsumed;
  }

  /**
   * On redemption, with {@link OutcomeUnknownError} and whatever else followed a lost answer: the
   * key under which Persona may hold that answer for 24 hours. Give it to `generateClaim` with the same relay and pass. It is as secret as the
   * pass, and does not show when the error is logged; else `null`.
   */
  get idempotencyKey(): string | null {
    return this.#idempotencyKey;
  }
}

/**
 * An argument cannot be right. Nothing was sent, unless there is a status (400): then Persona found
 * the mistake.
 */
export class InvalidArgumentError extends RelayPassError {
  static override readonly code = 'invalid_argument';
  declare readonly code: 'invalid_argument';
}

/** Persona does not accept the API key (401). */
export class AuthenticationError extends RelayPassError {
  static override readonly code = 'authentication';
  declare readonly code: 'authentication';
}

/**
 * Persona denies permission (403). On redemption this most likely means that the person has not
 * finished yet, and is {@link RelayPassError.retryable}.
 */
export class PermissionDeniedError extends RelayPassError {
  static override readonly code = 'permission_denied';
  declare readonly code: 'permission_denied';
}

/**
 * Persona does not know it (404): an unknown relay, a wrong relay secret, an unknown key id. Or the
 * store does not have the verification.
 */
export class NotFoundError extends RelayPassError {
  static override readonly code = 'not_found';
  declare readonly code: 'not_found';
}

/** Another request is in the way (409). */
export class ConflictError extends RelayPassError {
  static override readonly code = 'conflict';
  declare readonly code: 'conflict';
}

/** Persona understood the request and refuses it (422). */
export class UnprocessableError extends RelayPassError {
  static override readonly code = 'unprocessable';
  declare readonly code: 'unprocessable';
}

/** Too many requests (429); see {@link RelayPassError.rateLimit}. */
export class RateLimitedError extends RelayPassError {
  static override readonly code = 'rate_limited';
  declare readonly code: 'rate_limited';
}

/** Persona failed (5xx). */
export class ServerError extends RelayPassError {
  static override readonly code = 'server_error';
  declare readonly code: 'server_error';
}

/** No answer in time. */
export class RequestTimeoutError extends RelayPassError {
  static override readonly code = 'timeout';
  declare readonly code: 'timeout';
}

/** The way to Persona is broken: name resolution, connection, TLS, proxy. */
export class NetworkError extends RelayPassError {
  static override readonly code = 'network';
  declare readonly code: 'network';
}

/** Persona broke the protocol: a bad challenge, key, signature or body. */
export class ProtocolError extends RelayPassError {
  static override readonly code = 'protocol';
  declare readonly code: 'protocol';
}

/** Persona does not accept the Privacy Pass (401 on redemption). */
export class PassRejectedError extends RelayPassError {
  static override readonly code = 'pass_rejected';
  declare readonly code: 'pass_rejected';
}

/** The Privacy Pass is older than 90 days. */
export class PassExpiredError extends RelayPassError {
  static override readonly code = 'pass_expired';
  declare readonly code: 'pass_expired';
}

/** The claim does not open with the given key; see {@link RelayPassError.claimPayload}. */
export class DecryptionError extends RelayPassError {
  static override readonly code = 'decryption';
  declare readonly code: 'decryption';
}

/** The claim is not the one that was asked for, or was not encrypted as asked. */
export class ClaimMismatchError extends RelayPassError {
  static override readonly code = 'claim_mismatch';
  declare readonly code: 'claim_mismatch';
}

/**
 * Strict privacy does not allow it: Persona could tell whose the pass is. Nothing was sent that names
 * you.
 */
export class PrivacyRefusedError extends RelayPassError {
  static override readonly code = 'privacy_refused';
  declare readonly code: 'privacy_refused';
}

/**
 * The caller's store failed. `cause` is what its method threw, the same object; there is none if it
 * took too long or answered with the wrong type.
 */
export class StoreError extends RelayPassError {
  static override readonly code = 'store';
  declare readonly code: 'store';
}

/** A request was sent, its answer never arrived, and nobody can tell what came of it. */
export class OutcomeUnknownError extends RelayPassError {
  static override readonly code = 'outcome_unknown';
  declare readonly code: 'outcome_unknown';
}

/** The client was closed before the call began. Nothing was sent; make a new client. */
export class ClosedError extends RelayPassError {
  static override readonly code = 'closed';
  declare readonly code: 'closed';
}

/** The call was cancelled. A call with a `signal` is rejected with the signal's reason instead. */
export class CancelledError extends RelayPassError {
  static override readonly code = 'cancelled';
  declare readonly code: 'cancelled';
}

/** relaypass itself failed, which is a mistake of ours. Ask what came of the call as after a crash. */
export class InternalError extends RelayPassError {
  static override readonly code = 'internal';
  declare readonly code: 'internal';
}

const CLASSES = {
  InvalidArgumentError,
  AuthenticationError,
  PermissionDeniedError,
  NotFoundError,
  ConflictError,
  UnprocessableError,
  RateLimitedError,
  ServerError,
  RequestTimeoutError,
  NetworkError,
  ProtocolError,
  PassRejectedError,
  PassExpiredError,
  DecryptionError,
  ClaimMismatchError,
  PrivacyRefusedError,
  StoreError,
  OutcomeUnknownError,
  ClosedError,
  CancelledError,
  InternalError,
};

const BY_CODE = new Map<string, (typeof CLASSES)[keyof typeof CLASSES]>();

for (const [name, errorClass] of Object.entries(CLASSES)) {
  // From a literal: a bundler that shortens the names of classes does not change this one.
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true });
  BY_CODE.set(errorClass.code, errorClass);
}

/**
 * The error that a native record describes.
 *
 * @internal
 */
export function makeError(failure: ErrorRecord): Error {
  const ErrorClass = BY_CODE.get(failure.code);
  if (ErrorClass === undefined) {
    return new Error(`relaypass: the native addon is of another version: ${failure.code}`);
  }
  const { message, meta, thrown, causes, ...facts } = failure;
  return new ErrorClass(message, {
    ...facts,
    meta: meta === null ? null : JSON.parse(meta),
    ...(thrown === null ? makeCause(causes) : { cause: thrown.value }),
  });
}

/** A chain of errors, the nearest cause first. They have no stack: they come from Rust. */
function makeCause(causes: readonly string[]): { cause?: Error } {
  const [text, ...deeper] = causes;
  if (text === undefined) {
    return {};
  }
  const cause = new Error(text, makeCause(deeper));
  cause.stack = `Error: ${text}`;
  return { cause };
}
