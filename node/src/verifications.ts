import { optional, readData, readFlag, readText } from './arguments.js';
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
   * the same verification for as long as it is open. Once it is over, passed too, the same reference
   * begins a new one. Up to 512 visible ASCII characters; only its hash is stored.
   */
  readonly reference?: string | null | undefined;
  /** How the page at `hostedUrl` looks; by default Persona decides. */
  readonly theme?: Theme | null | undefined;
}

/** How Persona's page for the visitor looks; `auto` is as the visitor's device is set. */
export type Theme = 'light' | 'dark' | 'auto';

/** What {@link Verifications.get} takes beside the id. */
export interface GetOptions extends CallOptions {
  /** How the page at `hostedUrl` looks; by default Persona decides. */
  readonly theme?: Theme | null | undefined;
}

/** What {@link Verifications.complete} takes beside the id. */
export interface CompleteOptions extends CallOptions {
  /**
   * Accepts that another pass may be billed, after an error that left it to you: pass rejected;
   * unprocessable, unknown outcome or protocol while buying the pass. A conflict needs none: call
   * again. Otherwise it changes nothing.
   */
  readonly reissue?: boolean | null | undefined;
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
   * Starts a verification: creates a relay, and returns as soon as it is stored. The pass is taken
   * from the pool, or bought in the background at a random moment (`purchaseWindowMs`), which does not
   * keep the process alive; if it ends meanwhile, {@link Verifications.complete} or
   * {@link Verifications.recover} does what is missing.
   *
   * @throws {@link InvalidArgumentError} without a store or an API key, or if the open verification
   * of the reference asks for another claim type; {@link StoreError}, and what `relays.create`
   * throws. Nothing is billed then.
   *
   * @example
   * ```ts
   * const { id, hostedUrl } = await client.verifications.start({
   *   claimType: 'age_over18_verified',
   *   reference: order.number,
   * });
   * ```
   */
  async start(args: StartArguments, options?: CallOptions | null): Promise<Verification> {
    const given = readData(args, 'verifications.start');
    const claimType = readText(given.claimType, 'claimType');
    const reference = optional(readText, given.reference, 'reference');
    const theme = optional(readText, given.theme, 'theme');
    const { signal, timeoutSeconds } = readCallOptions(options);
    const verification = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.startVerification(claimType, reference, theme, timeoutSeconds, token, scope),
      ),
    );
    return makeVerification(verification);
  }

  /**
   * Asks for the answer. Once it is known it is returned as it was stored, without a network call.
   *
   * @throws {@link NotFoundError} for an id that the store does not have, or that is none;
   * {@link InvalidArgumentError} for one of the other environment.
   * @throws {@link AuthenticationError}, {@link PermissionDeniedError}, {@link ConflictError},
   * {@link RateLimitedError}, {@link ServerError}, {@link RequestTimeoutError},
   * {@link NetworkError}, {@link StoreError}: nothing is lost. Call again when the cause is mended.
   * @throws {@link PassRejectedError}, and while buying {@link UnprocessableError},
   * {@link ProtocolError}: call with `reissue`, or start another one.
   * @throws {@link OutcomeUnknownError}: nobody can tell whether a pass was billed or is spent.
   * @throws {@link DecryptionError}, {@link ClaimMismatchError}: the answer came and is no good. It
   * is kept, and the error's `claimPayload` has it.
   *
   * @example
   * ```ts
   * const { status, claim } = await client.verifications.complete(id);
   * ```
   */
  async complete(id: string, options?: CompleteOptions | null): Promise<Completion> {
    const { given, signal, timeoutSeconds } = readCallOptions(options, ['reissue']);
    const reissue = optional(readFlag, given.reissue, 'reissue') ?? false;
    const named = readText(id, 'id');
    const completion = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.completeVerification(named, reissue, timeoutSeconds, token, scope),
      ),
    );
    return makeCompletion(completion);
  }

  /**
   * A verification as it is stored. Nothing is sent, and nothing is changed.
   *
   * @throws {@link NotFoundError}, {@link InvalidArgumentError}, {@link StoreError}; and the error
   * that a verification ended with.
   */
  async get(id: string, options?: GetOptions | null): Promise<Verification> {
    const named = readText(id, 'id');
    const { given, signal, timeoutSeconds } = readCallOptions(options, ['theme']);
    const theme = optional(readText, given.theme, 'theme');
    const verification = await withScope((scope) =>
      call(signal, (token) =>
        this.#client.getVerification(named, theme, timeoutSeconds, token, scope),
      ),
    );
    return makeVerification(verification);
  }

  /**
   * Deletes what is stored of a verification. A pass that is certainly unspent goes to the pool;
   * what was in flight is given up.
   *
   * @throws {@link NotFoundError}, {@link InvalidArgumentError}, {@link StoreError}.
   */
  async forget(id: string, options?: CallOptions | null): Promise<void> {
    const named = readText(id, 'id');
    const { signal, timeoutSeconds } = readCallOptions(options);
    await withScope((scope) =>
      call(signal, (token) => this.#client.forgetVerification(named, timeoutSeconds, token, scope)),
    );
  }

  /**
   * Drives on whatever a crash or a broken network left behind. Call it about once a minute, from
   * as many processes as you like, or set `background`. Its cost follows what is open, not what is
   * stored. A record that fails does not keep the others: `onEvent` is told of it.
   *
   * @throws {@link InvalidArgumentError} without a store; {@link StoreError}.
   *
   * @returns how many records it drove on.
   */
  async recover(options?: CallOptions | null): Promise<number> {
    const { signal, timeoutSeconds } = readCallOptions(options);
    return withScope((scope) =>
      call(signal, (token) => this.#client.recoverVerifications(timeoutSeconds, token, scope)),
    );
  }

  /**
   * Deletes what need not be kept any more from a built-in store: verifications that ended 30 days
   * ago, above all. What is open stays. When the time is up, the rest waits for the next call.
   *
   * @throws {@link InvalidArgumentError} with a store of yours: delete there what `expiresAt`
   * allows; {@link StoreError}.
   *
   * @returns how many records it deleted.
   */
  async prune(options?: CallOptions | null): Promise<number> {
    const { signal, timeoutSeconds } = readCallOptions(options);
    return withScope((scope) =>
      call(signal, (token) => this.#client.pruneVerifications(timeoutSeconds, token, scope)),
    );
  }

  /**
   * Creates the table of a built-in store, unless it is there. Only PostgreSQL needs it.
   *
   * @throws {@link InvalidArgumentError} with a store of yours; {@link StoreError},
   * {@link RequestTimeoutError}.
   */
  async createTable(options?: CallOptions | null): Promise<void> {
    const { signal, timeoutSeconds } = readCallOptions(options);
    await withScope((scope) =>
      call(signal, (token) => this.#client.createTable(timeoutSeconds, token, scope)),
    );
  }
}
