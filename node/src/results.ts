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
