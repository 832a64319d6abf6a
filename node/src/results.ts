import type { EncryptionForm } from './forms.js';
import { hideSecrets } from './redaction.js';

/** The rate limit as Persona reported it with an answer. */
export interface RateLimit {
  /** Requests allowed in the current window. */
  readonly limit: number;
  /** Requests left in the current window. */
  readonly remaining: number;
  /** Seconds until the window begins anew. */
  readonly resetSeconds: number;
}

/** One way in which Persona checked a claim. */
export interface Method {
  /** Such as `facial_age_estimation`, `document_selfie`, `live_selfie`; the set is open. */
  readonly method: string;
  /** `passed` or `failed`; Persona may add others. */
  readonly result: string;
}

/** The answer about a person. */
export interface Claim {
  /** What was asked, such as `age_over18_verified`. */
  readonly claimType: string;
  /** `passed` or `failed`; Persona may add others. */
  readonly claimResult: string;
  /** Whether the answer is yes: anything but a `claimResult` of `passed` is not. */
  readonly passed: boolean;
  /** How Persona found out; empty if it does not say. */
  readonly methodology: readonly Method[];
}

/** What every answer of Persona has beside its content. */
export interface AnswerFacts {
  /** Persona's `Request-Id`: what their support asks for. */
  readonly requestId: string | null;
  /** The rate limit, if Persona reported it. */
  readonly rateLimit: RateLimit | null;
}

/**
 * A relay session. It lives 30 minutes.
 *
 * A frozen object of plain values: spread it, store it as JSON. Only inspection
 * (`console.log`, `util.inspect`, not `console.dir`) leaves out the secrets.
 */
export interface Relay extends AnswerFacts {
  /** Names the relay in later calls. */
  readonly relayToken: string;
  /** Redeems the claim. **Secret**: Persona returns it this once, and it stays on the server. */
  readonly relaySecret: string;
  /** A JWT for the visitor's browser, and the only part that may go there. */
  readonly relaySessionAccessToken: string;
  /**
   * In which form Persona took the encryption key, `pem` or `jwk`, and so how the claim comes back.
   * `null`: without encryption.
   */
  readonly encryptionForm: EncryptionForm | null;
}

/** A Privacy Pass, paid for and not yet redeemed. Frozen, and redacted when inspected. */
export interface PrivacyPass extends AnswerFacts {
  /** The pass. **Secret**: whoever has it can spend it, once, within 90 days. */
  readonly privacyPassToken: string;
}

/** Persona's answer about the person. Frozen, and redacted when inspected. */
export interface GeneratedClaim extends AnswerFacts {
  /** The payload as Persona sent it: JSON, or base64 of a ciphertext. `openClaim` reads it. */
  readonly claimPayload: string;
  /** `true`: the pass is spent. `false`: the claim did not pass, and the pass can be used again. */
  readonly tokenConsumed: boolean;
  /** The claim, opened; `null` when it is encrypted and there is no decryption key. */
  readonly claim: Claim | null;
}

/** How far a verification is. */
export type VerificationStatus = Completion['status'];

/** A verification, as it is stored. Frozen, and redacted when inspected. */
export interface Verification {
  /** Names it in later calls. No secret; it says nothing about the person. */
  readonly id: string;
  /** What is asked. */
  readonly claimType: string;
  /** How far it is. */
  readonly status: VerificationStatus;
  /** The answer, once it is known. */
  readonly claim: Claim | null;
  /** A JWT for the visitor's browser; `null` once the verification is over. */
  readonly sessionAccessToken: string | null;
  /**
   * Persona's page for the visitor, with the token in it; `null` once the verification is over. The
   * page refuses requests that carry a `Referer`.
   */
  readonly hostedUrl: string | null;
  /**
   * The code of what keeps its pass from being bought until somebody mends it, such as
   * `authentication` for a wrong API key; `null` once there is a pass. Nothing is lost: the next
   * attempt buys it.
   */
  readonly purchaseFailure: string | null;
  /** When the session ends: 30 minutes after it began. */
  readonly expiresAt: Date;
}

/** What a verification came to, so far. Frozen. */
export type Completion =
  /** The claim is true. */
  | { readonly status: 'passed'; readonly claim: Claim }
  /** The claim is not true, or Persona could not find out. */
  | { readonly status: 'failed'; readonly claim: Claim }
  /** There is no answer yet: the person has most likely not finished. */
  | { readonly status: 'pending'; readonly claim: null }
  /** The session ended without an answer. Start another verification. */
  | { readonly status: 'expired'; readonly claim: null };

/** @internal */
export interface NativeVerification {
  readonly id: string;
  readonly claimType: string;
  readonly status: string;
  readonly claim: Claim | null;
  readonly sessionAccessToken: string | null;
  readonly hostedUrl: string | null;
  readonly purchaseFailure: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** @internal */
export interface NativeCompletion {
  readonly status: string;
  readonly claim: Claim | null;
}

/** @internal */
export function makeVerification(native: NativeVerification): Verification {
  const verification = {
    ...native,
    status: native.status as VerificationStatus,
    claim: native.claim === null ? null : makeClaim(native.claim),
    expiresAt: new Date(native.expiresAt),
  };
  return hideSecrets('Verification', verification, ['sessionAccessToken', 'hostedUrl']);
}

/** @internal */
export function makeCompletion(native: NativeCompletion): Completion {
  if (native.claim !== null) {
    makeClaim(native.claim);
  }
  // The core says that there is a claim with `passed` and `failed`, and none else.
  return Object.freeze(native) as Completion;
}

/** @internal */
export function makeRelay(relay: Relay): Relay {
  freezeFacts(relay);
  return hideSecrets('Relay', relay, ['relaySecret', 'relaySessionAccessToken']);
}

/** @internal */
export function makePrivacyPass(pass: PrivacyPass): PrivacyPass {
  freezeFacts(pass);
  return hideSecrets('PrivacyPass', pass, ['privacyPassToken']);
}

/** @internal */
export function makeGeneratedClaim(generated: GeneratedClaim): GeneratedClaim {
  freezeFacts(generated);
  if (generated.claim !== null) {
    makeClaim(generated.claim);
  }
  return hideSecrets('GeneratedClaim', generated, ['claimPayload']);
}

/** @internal */
export function makeClaim(claim: Claim): Claim {
  claim.methodology.forEach(Object.freeze);
  Object.freeze(claim.methodology);
  return Object.freeze(claim);
}

function freezeFacts(facts: AnswerFacts): void {
  if (facts.rateLimit !== null) {
    Object.freeze(facts.rateLimit);
  }
}
