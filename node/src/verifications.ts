import { optional, readFlag, readObject, readText } from './arguments.js';
import { call } from './cancel.js';
import type { NativeClient } from './native.js';
import { readCallOptions } from './relays.js';
import type { CallOptions } from './relays.js';
import { makeCompletion, makeVerification } from './results.js';
import type { Completion, Verification } from './results.js';
import { withScope } from './scope.js';

/** What {@link Verifications.start} needs. */
export interface StartArguments {
  /** What is asked about the person, such as `age_over18_verified`. */
  readonly claimType: string;
  /**
   * A name of yours for this verification, such as an order's number: the same reference returns
   * the same verification for as long as it is open. Up to 512 visible ASCII characters; only its
   * hash is stored.
   */
  readonly reference?: string | undefined;
}

/** What {@link Verifications.complete} takes beside the id. */
export interface CompleteOptions extends CallOptions {
  /**
   * Whether to buy another pass if Persona rejected the one there was. It may be billed again, so
   * this is never done by itself.
   */
  readonly reissue?: boolean | undefined;
}

/**
 * Durable verifications: whatever crashes when, nothing is billed twice and no claim is lost.
 *
 * They need a `store`. Every method may be called any number of times, from any process that has
 * the same store, and throws {@link StoreError} when the store fails: its `cause` is what the store
 * threw. An aborted call leaves the verification as it is stored; call again.
 */
export class Verifications {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  /**
   * Starts a verification: creates a relay, and issues a pass at the same time. It returns as soon
   * as the relay is stored; {@link Verifications.complete} does whatever is missing.
   *
   * @throws {@link InvalidArgumentError}, {@link StoreError}, and what `relays.create` throws.
   *
   * @example
   * ```ts
   * const { id, hostedUrl } = await client.verifications.start({
   *   claimType: 'age_over18_verified',
   *   reference: order.number,
   * });
   * ```
   */
  async start(args: StartArguments, options: CallOptions = {}): Promise<Verification> {
    const given = readObject(args, 'verifications.start', ['claimType', 'reference']);
    const claimType = readText(given.claimType, 'claimType');
    const reference = optional(readText, given.reference, 'reference');
    const { signal, timeoutSeconds } = readCallOptions(options);
    const verification = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.startVerification(claimType, reference, timeoutSeconds, token, scope),
      ),
    );
    return makeVerification(verification);
  }

  /**
   * Asks for the answer. Once it is known it is returned as it was stored, without a network call.
   *
   * @throws {@link NotFoundError} for an id that the store does not have.
   * @throws {@link PassRejectedError}: `reissue` buys another pass.
   * @throws {@link OutcomeUnknownError}: nobody can tell what came of a request; final.
   *
   * @example
   * ```ts
   * const { status, claim } = await client.verifications.complete(id);
   * ```
   */
  async complete(id: string, options: CompleteOptions = {}): Promise<Completion> {
    const known = ['reissue', 'signal', 'timeoutMs'] as const;
    const { reissue: flag, ...rest } = readObject(options, 'options', known);
    const reissue = optional(readFlag, flag, 'reissue') ?? false;
    const { signal, timeoutSeconds } = readCallOptions(rest);
    const named = readText(id, 'id');
    const completion = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.completeVerification(named, reissue, timeoutSeconds, token, scope),
      ),
    );
    return makeCompletion(completion);
  }

  /** A verification as it is stored. Nothing is sent. */
  async get(id: string, options: CallOptions = {}): Promise<Verification> {
    const named = readText(id, 'id');
    const { signal, timeoutSeconds } = readCallOptions(options);
    const verification = await withScope((scope) =>
      call(signal, (token) => this.#client.getVerification(named, timeoutSeconds, token, scope)),
    );
    return makeVerification(verification);
  }

  /** Deletes a verification from the store, with all that is known of it. */
  async forget(id: string, options: CallOptions = {}): Promise<void> {
    const named = readText(id, 'id');
    const { signal, timeoutSeconds } = readCallOptions(options);
    await withScope((scope) =>
      call(signal, (token) => this.#client.forgetVerification(named, timeoutSeconds, token, scope)),
    );
  }

  /**
   * Drives on what was left behind: by a crash, or waiting for its time. Call it now and then, or
   * set `background`. Its cost follows what is open, not what is stored.
   *
   * @returns how many records it drove on.
   */
  async recover(options: CallOptions = {}): Promise<number> {
    const { signal, timeoutSeconds } = readCallOptions(options);
    return withScope((scope) =>
      call(signal, (token) => this.#client.recoverVerifications(timeoutSeconds, token, scope)),
    );
  }
}
