import {
  optional,
  readData,
  readMilliseconds,
  readOptions,
  readSignal,
  readText,
} from './arguments.js';
import { call } from './cancel.js';
import type { EncryptionForm } from './forms.js';
import { readPrivateKeys, readPublicKey } from './keys.js';
import type { Key } from './keys.js';
import type { NativeClient } from './native.js';
import { makeGeneratedClaim, makePrivacyPass, makeRelay } from './results.js';
import type { GeneratedClaim, PrivacyPass, Relay } from './results.js';
import { withScope } from './scope.js';

/** What every call takes beside its arguments. */
export interface CallOptions {
  /**
   * Takes the call back: it is rejected with the signal's reason, as `fetch` is. What was sent
   * stays sent. With a signal that is aborted already, nothing is sent.
   *
   * The reason carries nothing of relaypass: a redemption can be asked for again only under the
   * {@link GenerateClaimArguments.idempotencyKey} that it was given.
   */
  readonly signal?: AbortSignal | null | undefined;
  /** How long the whole call may take, retries and the store included, in milliseconds. */
  readonly timeoutMs?: number | null | undefined;
}

/** What {@link Relays.create} needs. */
export interface CreateArguments {
  /** What is asked about the person, such as `age_over18_verified`. */
  readonly claimType: string;
  /**
   * The public key to encrypt the claim with: in PEM, as a JWK or an {@link EncryptionKey}; by
   * default that of the client's `decryptionKey`, if it has one. Whatever it is given as, the
   * client's `encryptionForm` says how it is sent.
   */
  readonly encryptionKey?: Key | null | undefined;
}

/** What {@link Relays.issuePrivacyPass} binds the pass to. */
export type IssuePrivacyPassArguments =
  | {
      /** Every relay of this claim type and this environment: the current generation. */
      readonly claimType: string;
    }
  | {
      /** This one relay: the first generation. */
      readonly relayToken: string;
      /** That relay's secret. */
      readonly relaySecret: string;
    };

/** Both kinds, and a mixture of them, which the core refuses. */
interface AnyIssueArguments {
  readonly claimType?: string;
  readonly relayToken?: string;
  readonly relaySecret?: string;
}

/** What {@link Relays.generateClaim} needs. */
export interface GenerateClaimArguments {
  /** The relay's token. */
  readonly relayToken: string;
  /** The relay's secret. */
  readonly relaySecret: string;
  /** The pass to redeem. */
  readonly privacyPassToken: string;
  /** What was asked: a claim of another type is refused. Left out, any is accepted. */
  readonly claimType?: string | null | undefined;
  /**
   * The private key that opens the claim, or several: each in PEM, as a JWK or an
   * {@link EncryptionKey}; by default the client's.
   */
  readonly decryptionKey?: Key | readonly Key[] | null | undefined;
  /**
   * Names this redemption. Best made by the caller: `const idempotencyKey = crypto.randomUUID()`,
   * stored beside the relay before the call. The {@link RelayPassError.idempotencyKey} that an
   * {@link OutcomeUnknownError} carries serves the same end. Left out or `null`, the call makes one
   * of its own. For one relay and pass only.
   *
   * The same key asks for the same answer for 24 hours, after a lost answer, a cancellation or a
   * crash. The call goes out under this key alone, and "not finished yet" ends it. After
   * {@link PermissionDeniedError} without an `idempotencyKey` make a new one: Persona keeps that
   * answer too. An error with an `idempotencyKey`, whatever its kind, asks to be repeated with that
   * key. It is as secret as the pass.
   */
  readonly idempotencyKey?: string | null | undefined;
  /**
   * The relay's own ({@link Relay.encryptionForm}), stored beside it: a claim in another form is
   * refused. By default the client's; `auto` takes either.
   */
  readonly encryptionForm?: EncryptionForm | null | undefined;
}

/**
 * The three steps, under the names that Persona's own SDKs use.
 *
 * They keep nothing: what they return is the caller's to store. Every call may be made from any
 * process.
 */
export class Relays {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  /**
   * Step 1: creates a relay. Costs nothing, names nobody.
   *
   * @throws {@link InvalidArgumentError}, {@link UnprocessableError}, {@link RateLimitedError},
   * {@link ServerError}, {@link RequestTimeoutError}, {@link NetworkError}, {@link ProtocolError}.
   *
   * Source: Persona, "Create a Relay".
   *
   * @example
   * ```ts
   * const relay = await client.relays.create({ claimType: 'age_over18_verified' });
   * ```
   */
  async create(args: CreateArguments, options?: CallOptions | null): Promise<Relay> {
    const given = readData(args, 'relays.create');
    const claimType = readText(given.claimType, 'claimType');
    const encryptionKey = optional(readPublicKey, given.encryptionKey, 'encryptionKey');
    const { signal, timeoutSeconds } = readCallOptions(options);
    const relay = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.create(claimType, encryptionKey, timeoutSeconds, token, scope),
      ),
    );
    return makeRelay(relay);
  }

  /**
   * Step 2: buys a Privacy Pass. This is the call that names us, and the one that is billed.
   *
   * The challenge is fetched without the API key; only a blinded message travels with it. An answer
   * that does not arrive is asked for again with the same key and bytes, so that one call is billed
   * once. The exception: a server error that Persona has stored under the key is passed by with one
   * new key and the same blinded message, and may have billed before. It is told as the
   * event `possible_double_charge`.
   *
   * Aborting may leave a pass that is billed and that nobody gets.
   *
   * @throws {@link InvalidArgumentError} without an API key; {@link AuthenticationError},
   * {@link PermissionDeniedError}, {@link RateLimitedError}, {@link ProtocolError},
   * {@link RequestTimeoutError}, {@link NetworkError}.
   * @throws {@link ServerError}, {@link OutcomeUnknownError} when the pass may have been billed:
   * `retryable` is then `false`.
   *
   * Source: Persona, "Create a Privacy Pass"; RFC 9474.
   *
   * @example
   * ```ts
   * const claimType = 'age_over18_verified';
   * const { privacyPassToken } = await client.relays.issuePrivacyPass({ claimType });
   * ```
   */
  async issuePrivacyPass(
    args: IssuePrivacyPassArguments,
    options?: CallOptions | null,
  ): Promise<PrivacyPass> {
    const given = readData<AnyIssueArguments>(args, 'relays.issuePrivacyPass');
    const claimType = optional(readText, given.claimType, 'claimType');
    const relayToken = optional(readText, given.relayToken, 'relayToken');
    const relaySecret = optional(readText, given.relaySecret, 'relaySecret');
    const { signal, timeoutSeconds } = readCallOptions(options);
    const pass = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.issuePrivacyPass(
          claimType,
          relayToken,
          relaySecret,
          timeoutSeconds,
          token,
          scope,
        ),
      ),
    );
    return makePrivacyPass(pass);
  }

  /**
   * Step 3: redeems a pass for the claim. Names nobody; works once per pass.
   *
   * @throws {@link PermissionDeniedError}, retryable: the person has most likely not finished.
   * @throws {@link PassRejectedError}, {@link PassExpiredError}; {@link NotFoundError} for an
   * unknown relay or a wrong secret; {@link ConflictError}, {@link UnprocessableError},
   * {@link RateLimitedError}, {@link ServerError}, {@link NetworkError}.
   * @throws {@link OutcomeUnknownError}: the answer never arrived.
   * @throws {@link DecryptionError}, {@link ClaimMismatchError}, {@link ProtocolError}: the answer
   * arrived and is no good; the error's `claimPayload` has it.
   *
   * Source: Persona, "Generate a Relay claim".
   *
   * @example
   * ```ts
   * const idempotencyKey = crypto.randomUUID(); // stored beside the relay
   * const { claim, tokenConsumed } = await client.relays.generateClaim({
   *   relayToken,
   *   relaySecret,
   *   privacyPassToken,
   *   claimType: 'age_over18_verified',
   *   idempotencyKey,
   * });
   * ```
   */
  async generateClaim(
    args: GenerateClaimArguments,
    options?: CallOptions | null,
  ): Promise<GeneratedClaim> {
    const given = readData(args, 'relays.generateClaim');
    const relayToken = readText(given.relayToken, 'relayToken');
    const relaySecret = readText(given.relaySecret, 'relaySecret');
    const privacyPassToken = readText(given.privacyPassToken, 'privacyPassToken');
    const claimType = optional(readText, given.claimType, 'claimType');
    const decryptionKey = optional(readPrivateKeys, given.decryptionKey, 'decryptionKey');
    const idempotencyKey = optional(readText, given.idempotencyKey, 'idempotencyKey');
    const encryptionForm = optional(readText, given.encryptionForm, 'encryptionForm');
    const { signal, timeoutSeconds } = readCallOptions(options);
    const generated = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.generateClaim(
          relayToken,
          relaySecret,
          privacyPassToken,
          claimType,
          decryptionKey,
          idempotencyKey,
          encryptionForm,
          timeoutSeconds,
          token,
          scope,
        ),
      ),
    );
    return makeGeneratedClaim(generated);
  }
}

/**
 * The options that every call has, and what else it may have. Each is read where it is, not copied:
 * what an object inherits counts, such as the signal of an `AbortController`.
 *
 * @internal
 */
export function readCallOptions<K extends string = never>(
  options: unknown,
  further: readonly K[] = [],
): {
  given: Partial<Record<K | 'signal' | 'timeoutMs', unknown>>;
  signal: AbortSignal | undefined;
  timeoutSeconds: number | undefined;
} {
  const given = readOptions<K | 'signal' | 'timeoutMs'>(options, 'options', [
    ...further,
    'signal',
    'timeoutMs',
  ]);
  return {
    given,
    signal: optional(readSignal, given.signal, 'signal'),
    timeoutSeconds: optional(readMilliseconds, given.timeoutMs, 'timeoutMs'),
  };
}
