import { readData, readInteger, readText } from './arguments.js';
import { call } from './cancel.js';
import type { NativeClient } from './native.js';
import { readCallOptions } from './relays.js';
import type { CallOptions } from './relays.js';
import { withScope } from './scope.js';

/** What {@link Passes.prefetch} needs. */
export interface PrefetchArguments {
  /** What the passes are for, such as `age_over18_verified`. */
  readonly claimType: string;
  /** How many to buy. */
  readonly count: number;
}

/** What {@link Passes.count} needs. */
export interface CountArguments {
  /** What the passes are for. */
  readonly claimType: string;
}

/**
 * Passes bought ahead, so that a verification need not wait for one, and so that the time at which
 * one is bought says nothing about it. They need a `store`.
 */
export class Passes {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  /**
   * Buys passes ahead. Each is billed. No more than 100 of a claim type, or `passPool` if that is
   * more, are ever held ready. What was bought before an error or an abort stays in the pool; when its `timeout` is over, it returns
   * how many it bought until then. Without one, each pass may take as long as a call.
   * A strict client buys in the common hours only: it notes that passes are wanted, and buys none now,
   * but in the sandbox.
   *
   * @throws {@link InvalidArgumentError} without an API key or a store, or for more than that;
   * {@link StoreError}, and what `relays.issuePrivacyPass` throws.
   *
   * @returns how many were bought.
   */
  async prefetch(args: PrefetchArguments, options?: CallOptions | null): Promise<number> {
    const given = readData(args, 'passes.prefetch');
    const claimType = readText(given.claimType, 'claimType');
    const count = readInteger(given.count, 'count');
    const { signal, timeoutSeconds } = readCallOptions(options);
    return withScope((scope) =>
      call(signal, (token) =>
        this.#client.prefetchPasses(claimType, count, timeoutSeconds, token, scope),
      ),
    );
  }

  /** How many passes of a claim type are ready. Nothing is sent. */
  async count(args: CountArguments, options?: CallOptions | null): Promise<number> {
    const given = readData(args, 'passes.count');
    const claimType = readText(given.claimType, 'claimType');
    const { signal, timeoutSeconds } = readCallOptions(options);
    return withScope((scope) =>
      call(signal, (token) => this.#client.countPasses(claimType, timeoutSeconds, token, scope)),
    );
  }
}
