import { optional, readInteger, readMilliseconds, readObject, readText } from './arguments.js';
import { unwrap } from './cancel.js';
import { readPrivateKey } from './keys.js';
import type { EncryptionKey } from './keys.js';
import { native } from './native.js';
import { Relays } from './relays.js';

/** Which of Persona's two worlds: passes and relays of one do not fit the other. */
export type Environment = 'production' | 'sandbox';

/** How a {@link RelayPass} is described. Nothing is read from environment variables. */
export interface RelayPassOptions {
  /** The API key. Without one the client can create and redeem, but not issue. */
  readonly apiKey?: string | undefined;
  /**
   * Where Persona is; the default is `https://api.withpersona.com`. Plain `http` is for loopback
   * addresses only.
   */
  readonly baseUrl?: string | undefined;
  /**
   * The environment; by default the API key's prefix tells (`persona_production_` or
   * `persona_sandbox_`), and a client without key is for production.
   */
  readonly environment?: Environment | undefined;
  /**
   * How long one request may take, in milliseconds; the default is 10,000, the most 600,000. A call
   * with its retries takes at most 30 seconds, or this, whichever is longer.
   */
  readonly timeoutMs?: number | undefined;
  /** How often a failed request is asked again; the default is 3, the most 10. */
  readonly retries?: number | undefined;
  /** Certificates to trust beside the public ones, in PEM: a company's own authority. */
  readonly caPem?: string | undefined;
  /** The way out for the calls that must not name us: `http://`, `https://` or `socks5h://`. */
  readonly anonymousProxy?: string | undefined;
  /** The way out for the one call that names us. */
  readonly identifiedProxy?: string | undefined;
  /**
   * The private key that opens claims, in PEM. With it, every relay is created with its public half
   * and a claim that is not encrypted is refused, unless a call says otherwise.
   */
  readonly decryptionKey?: string | EncryptionKey | undefined;
}

const OPTIONS = [
  'apiKey',
  'baseUrl',
  'environment',
  'timeoutMs',
  'retries',
  'caPem',
  'anonymousProxy',
  'identifiedProxy',
  'decryptionKey',
] as const;

/**
 * Persona Relay for one customer and one environment.
 *
 * It needs no closing: idle, it keeps neither the process nor a worker thread alive. Make one and
 * share it; every call may run at the same time as others.
 *
 * @example
 * ```ts
 * const client = new RelayPass({ apiKey: process.env.PERSONA_API_KEY });
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
  /** The three steps. */
  readonly relays: Relays;
  /** The environment this client speaks for. */
  readonly environment: Environment;

  /**
   * Checks everything; nothing is sent.
   *
   * @throws {@link InvalidArgumentError}, and what to change.
   * @throws `TypeError` for a value of the wrong type and for an option that does not exist.
   */
  constructor(options: RelayPassOptions = {}) {
    const given = readObject(options, 'options', OPTIONS);
    const client = unwrap(
      native.openClient({
        apiKey: optional(readText, given.apiKey, 'apiKey'),
        baseUrl: optional(readText, given.baseUrl, 'baseUrl'),
        environment: optional(readText, given.environment, 'environment'),
        timeoutSeconds: optional(readMilliseconds, given.timeoutMs, 'timeoutMs'),
        retries: optional(readInteger, given.retries, 'retries'),
        caPem: optional(readText, given.caPem, 'caPem'),
        anonymousProxy: optional(readText, given.anonymousProxy, 'anonymousProxy'),
        identifiedProxy: optional(readText, given.identifiedProxy, 'identifiedProxy'),
        decryptionKey: optional(readPrivateKey, given.decryptionKey, 'decryptionKey'),
      }),
    );
    this.relays = new Relays(client);
    this.environment = client.environment;
  }
}
