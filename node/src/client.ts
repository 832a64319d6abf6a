import {
  optional,
  readFlag,
  readFunction,
  readInteger,
  readKeys,
  readMilliseconds,
  readOptions,
  readText,
  readTexts,
} from './arguments.js';
import { call, unwrap } from './cancel.js';
import { makeListener } from './events.js';
import type { RelayPassEvent } from './events.js';
import type { EncryptionForm } from './forms.js';
import { readPrivateKeys } from './keys.js';
import type { Key } from './keys.js';
import { native } from './native.js';
import type { NativeClient } from './native.js';
import { Passes } from './passes.js';
import { makePrivacyReport } from './privacy.js';
import type { PrivacyReport } from './privacy.js';
import { readCallOptions, Relays } from './relays.js';
import type { CallOptions } from './relays.js';
import { isCalledBack, withScope } from './scope.js';
import { adaptStore, readStore } from './store.js';
import type { RelayStore } from './store.js';
import { Verifications } from './verifications.js';

/** Which of Persona's two worlds: passes and relays of one do not fit the other. */
export type Environment = 'production' | 'sandbox';

/** How a {@link RelayPass} is described. Nothing is read from environment variables. */
export interface RelayPassOptions {
  /** The API key. Without one the client can create and redeem, but not issue. */
  readonly apiKey?: string | null | undefined;
  /**
   * Where Persona is; the default is `https://api.withpersona.com`. Plain `http` is for loopback
   * addresses only.
   */
  readonly baseUrl?: string | null | undefined;
  /**
   * The environment; by default the API key's prefix tells (`persona_production_` or
   * `persona_sandbox_`), and a client without key is for production.
   */
  readonly environment?: Environment | null | undefined;
  /**
   * How long one request may take, in milliseconds; the default is 10,000, the most 600,000. A call
   * with its retries takes at most 30 seconds, or this, whichever is longer.
   */
  readonly timeoutMs?: number | null | undefined;
  /**
   * For how long a connection to Persona that nobody uses is used again, in milliseconds; the
   * default is 20,000, the most 600,000. It may stay open for about as long again. Load balancers
   * close idle connections, many after 60 seconds: stay below, for a request sent into their closing
   * has an unknown outcome.
   */
  readonly idleTimeoutMs?: number | null | undefined;
  /** How often a failed request is asked again; the default is 3, the most 10. */
  readonly retries?: number | null | undefined;
  /** Certificates to trust beside the public ones, in PEM: a company's own authority. */
  readonly caPem?: string | null | undefined;
  /**
   * The way out for the calls that must not name us: `http://`, `https://` or `socks5h://`. Or several:
   * an array, or one text with blanks or commas between them (a comma in a URL is `%2C`). One of them is
   * drawn for each verification and serves all calls of its relay, in every process that has the same
   * list. One that does not answer is an error for those that were given it: no call leaves by another
   * one, or directly. Refused are an empty array, more than 100, and two that differ at most in the password.
   */
  readonly anonymousProxy?: string | readonly string[] | null | undefined;
  /** The way out for the one call that names us. */
  readonly identifiedProxy?: string | null | undefined;
  /**
   * The private key that opens claims: in PEM, as a JWK or an {@link EncryptionKey}; or several, the
   * newest first. With it, every relay is created with the public half of the first, all of them
   * open, and a claim that is not encrypted is refused, unless a call says otherwise.
   */
  readonly decryptionKey?: Key | readonly Key[] | null | undefined;
  /**
   * In which form Persona gets the encryption key; `auto` (the default) is the one that she takes.
   * The claim comes back in the form that goes with it; another one is refused.
   */
  readonly encryptionForm?: EncryptionForm | null | undefined;
  /**
   * Where verifications and passes are kept: an object of yours, or the URL of a built-in store
   * (`memory:`, `sqlite:///absolute/path`, `postgres://…`). Without one there are the three steps.
   * A SQLite file must be relaypass's own: never open it with another SQLite library in this process.
   */
  readonly store?: string | RelayStore | null | undefined;
  /**
   * How long one call of the store may take, in milliseconds; the default is 10,000, the most
   * 600,000.
   */
  readonly storeTimeoutMs?: number | null | undefined;
  /**
   * The key, 32 random bytes, under which records are sealed before they reach the store. Of
   * several, the first seals and all open: to rotate, put the new one first. Without one, records
   * are stored as they are, secrets included.
   */
  readonly sealKey?: Uint8Array | readonly Uint8Array[] | null | undefined;
  /**
   * What verifications bind their passes to: the claim type (the default, Persona's current
   * generation) or the one relay.
   */
  readonly passBinding?: 'claim_type' | 'relay' | null | undefined;
  /**
   * How long after its relay a verification may buy its pass, in milliseconds: at a random moment of
   * this time, so that by the clock a signature may be for any relay of the last window. The default
   * is 120,000, the most 1,200,000; 0 buys at once. A `complete` that finds no pass buys one, and
   * `onEvent` is told `linkable_by_time`: ask when the visitor returns, or hold passes ready
   * (`passPool`).
   */
  readonly purchaseWindowMs?: number | null | undefined;
  /**
   * How many passes to hold ready for each claim type that is asked for: 0 (the default) to 1,000.
   * `background` fills the pool.
   */
  readonly passPool?: number | null | undefined;
  /**
   * How far the client goes so that Persona cannot tell whose a relay is: `standard` (the default) or
   * `strict`, which needs a `passPool` and an `anonymousProxy` that is not the way out of the call that
   * names you. The pool is bought in the common hours only, from 10:00 to 11:00 UTC: whole on Tuesdays,
   * and on other days if less than half of it is left. A verification takes its pass from it when the
   * answer is asked for; without one it is pending, and `onEvent` is told `waiting_for_pass`. What could
   * tell Persona whose a pass is, is refused ({@link PrivacyRefusedError}). A redemption waits up to 2
   * seconds, and a pass that was shown is shown for no other relay.
   */
  readonly privacy?: 'standard' | 'strict' | null | undefined;
  /**
   * What anonymous calls of different relays share: with `none` (the default) connections; with `relay`
   * no connection. Each anonymous call then has one of its own, and through a SOCKS proxy whose URL has
   * no credentials random ones, so that Tor gives it a circuit of its own. It costs a TCP and a TLS
   * handshake for each anonymous call. Strict privacy isolates always.
   */
  readonly isolation?: 'none' | 'relay' | null | undefined;
  /**
   * Whether to drive open verifications on and fill the pool, about once a minute, from the first
   * call that needs the store for as long as the client lives; by default `false`.
   *
   * It does not keep the process alive. What the process was doing there when it ended is done by
   * the next one, as after a crash.
   */
  readonly background?: boolean | null | undefined;
  /**
   * Is told what your log should know. Called where the call was made (`AsyncLocalStorage`), and in
   * the background where the client was. What it throws is ignored, with one process warning.
   */
  readonly onEvent?: ((event: RelayPassEvent) => void) | null | undefined;
}

/** What {@link RelayPass.close} takes. */
export interface CloseOptions {
  /**
   * How long to wait for what is under way, in milliseconds; by default the time of one call: 30
   * seconds, or the client's `timeoutMs`, if that is longer.
   */
  readonly timeoutMs?: number | null | undefined;
}

const OPTIONS = [
  'apiKey',
  'baseUrl',
  'environment',
  'timeoutMs',
  'idleTimeoutMs',
  'retries',
  'caPem',
  'anonymousProxy',
  'identifiedProxy',
  'decryptionKey',
  'encryptionForm',
  'store',
  'storeTimeoutMs',
  'sealKey',
  'passBinding',
  'purchaseWindowMs',
  'passPool',
  'privacy',
  'isolation',
  'background',
  'onEvent',
] as const;

/**
 * Persona Relay for one customer and one environment.
 *
 * Make one and share it; every call may run at the same time as others. Idle, it keeps neither the
 * process nor a worker thread alive. A server that is told to stop awaits {@link RelayPass.close}.
 *
 * @example
 * ```ts
 * const client = new RelayPass({ apiKey: process.env.RELAYPASS_API_KEY });
 * const claimType = 'age_over18_verified';
 * const relay = await client.relays.create({ claimType });
 * const { privacyPassToken } = await client.relays.issuePrivacyPass({ claimType });
 * // … the person verifies with Persona …
 * const { claim } = await client.relays.generateClaim({
 *   relayToken: relay.relayToken,
 *   relaySecret: relay.relaySecret,
 *   privacyPassToken,
 *   claimType,
 * });
 * console.log(claim?.passed);
 * ```
 */
export class RelayPass {
  readonly #client: NativeClient;
  /** The three steps. */
  readonly relays: Relays;
  /** Durable verifications: what to use if there is a store. */
  readonly verifications: Verifications;
  /** Passes bought ahead. They need a store. */
  readonly passes: Passes;
  /** The environment this client speaks for. */
  readonly environment: Environment;

  /**
   * Checks everything; nothing is sent.
   *
   * @throws {@link InvalidArgumentError}, and what to change.
   * @throws `TypeError` for a value of the wrong type and for an option that does not exist.
   */
  constructor(options?: RelayPassOptions | null) {
    const given = readOptions(options, 'options', OPTIONS);
    const store = optional(readStore, given.store, 'store');
    const onEvent = optional(readFunction, given.onEvent, 'onEvent');
    const client = unwrap(
      native.openClient({
        apiKey: optional(readText, given.apiKey, 'apiKey'),
        baseUrl: optional(readText, given.baseUrl, 'baseUrl'),
        environment: optional(readText, given.environment, 'environment'),
        timeoutSeconds: optional(readMilliseconds, given.timeoutMs, 'timeoutMs'),
        idleTimeoutSeconds: optional(readMilliseconds, given.idleTimeoutMs, 'idleTimeoutMs'),
        retries: optional(readInteger, given.retries, 'retries'),
        caPem: optional(readText, given.caPem, 'caPem'),
        anonymousProxy: optional(readTexts, given.anonymousProxy, 'anonymousProxy'),
        identifiedProxy: optional(readText, given.identifiedProxy, 'identifiedProxy'),
        decryptionKey: optional(readPrivateKeys, given.decryptionKey, 'decryptionKey'),
        encryptionForm: optional(readText, given.encryptionForm, 'encryptionForm'),
        storeUrl: typeof store === 'string' ? store : undefined,
        store: typeof store === 'object' ? adaptStore(store) : undefined,
        storeTimeoutSeconds: optional(readMilliseconds, given.storeTimeoutMs, 'storeTimeoutMs'),
        sealKeys: optional(readKeys, given.sealKey, 'sealKey') ?? [],
        passBinding: optional(readText, given.passBinding, 'passBinding'),
        purchaseWindowSeconds: optional(
          readMilliseconds,
          given.purchaseWindowMs,
          'purchaseWindowMs',
        ),
        passPool: optional(readInteger, given.passPool, 'passPool'),
        privacy: optional(readText, given.privacy, 'privacy'),
        isolation: optional(readText, given.isolation, 'isolation'),
        background: optional(readFlag, given.background, 'background'),
        onEvent: onEvent === undefined ? undefined : makeListener(onEvent),
      }),
    );
    this.#client = client;
    this.relays = new Relays(client);
    this.verifications = new Verifications(client);
    this.passes = new Passes(client);
    this.environment = client.environment;
  }

  /**
   * What can be linked with the present configuration, and by what was seen: by this client since it
   * was made, and by all who share its store. Nothing is sent.
   *
   * What is measured is quoted with its figures; what is not, says so. No key, URL or address is in it.
   *
   * @throws {@link StoreError}; {@link DecryptionError} for what another seal key has sealed.
   *
   * @example
   * ```ts
   * const { findings, text } = await client.privacyReport();
   * console.log(text);
   * const grave = findings.filter(({ severity }) => severity === 'high');
   * ```
   */
  async privacyReport(options?: CallOptions | null): Promise<PrivacyReport> {
    const { signal, timeoutSeconds } = readCallOptions(options);
    const report = await withScope((scope) =>
      call(signal, (token) => this.#client.privacyReport(timeoutSeconds, token, scope)),
    );
    return makePrivacyReport(report);
  }

  /**
   * Closes the client, in order. From now on every new call is rejected with {@link ClosedError}.
   * Calls under way, purchases of `verifications.start` that have begun and the work in the background come to their
   * end. Then a built-in store is closed, and one of yours is not called any more.
   *
   * It may be called again, and by several at the same time. From within a method of a store or
   * `onEvent`, it begins to close and resolves at once. `await using` calls it as well.
   *
   * Without it nothing is lost: the next `complete` or `recover` does what was left undone.
   *
   * @throws {@link RequestTimeoutError} when something was still under way when the time was up: the
   * client is closed, and work in the background was broken off, as in a crash.
   *
   * @example
   * ```ts
   * process.once('SIGTERM', () => {
   *   server.close(() => client.close({ timeoutMs: 20_000 }));
   * });
   * ```
   */
  async close(options?: CloseOptions | null): Promise<void> {
    const { timeoutMs } = readOptions(options, 'options', ['timeoutMs']);
    const seconds = optional(readMilliseconds, timeoutMs, 'timeoutMs');
    await call(undefined, () => this.#client.close(seconds, isCalledBack()));
  }

  /** As {@link RelayPass.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
