/**
 * Persona Relay and Privacy Pass for servers: ask whether a person is over 18, or human, without
 * learning who the person is, and without Persona learning who asked.
 *
 * Begin with {@link RelayPass}.
 *
 * @packageDocumentation
 */

export { openClaim } from './claim.js';
export type { OpenClaimArguments } from './claim.js';
export { RelayPass } from './client.js';
export type { CloseOptions, Environment, RelayPassOptions } from './client.js';
export {
  AuthenticationError,
  CancelledError,
  ClaimMismatchError,
  ClosedError,
  ConflictError,
  DecryptionError,
  InternalError,
  InvalidArgumentError,
  NetworkError,
  NotFoundError,
  OutcomeUnknownError,
  PassExpiredError,
  PassRejectedError,
  PermissionDeniedError,
  PrivacyRefusedError,
  ProtocolError,
  RateLimitedError,
  RelayPassError,
  RequestTimeoutError,
  ServerError,
  StoreError,
  UnprocessableError,
} from './errors.js';
export type { ErrorCode, ErrorFacts } from './errors.js';
export type { EventKind, RelayPassEvent } from './events.js';
export type { EncryptionForm } from './forms.js';
export { EncryptionKey } from './keys.js';
export type { Jwk, Key, PrivateJwk, PublicJwk } from './keys.js';
export type { CountArguments, Passes, PrefetchArguments } from './passes.js';
export type { PrivacyCode, PrivacyFinding, PrivacyReport, PrivacySeverity } from './privacy.js';
export type {
  CallOptions,
  CreateArguments,
  GenerateClaimArguments,
  IssuePrivacyPassArguments,
  Relays,
} from './relays.js';
export type {
  Claim,
  Completion,
  GeneratedClaim,
  Method,
  PrivacyPass,
  RateLimit,
  Relay,
  Verification,
  VerificationStatus,
} from './results.js';
export type { Awaitable, RelayStore, StoreRecord } from './store.js';
export type {
  CompleteOptions,
  GetOptions,
  StartArguments,
  Theme,
  Verifications,
} from './verifications.js';
