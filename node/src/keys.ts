import { optional, readInteger, readText } from './arguments.js';
import { call, unwrap } from './cancel.js';
import { native } from './native.js';
import type { KeyPair } from './native.js';
import { inspect, REDACTED } from './redaction.js';
import type { Inspect, InspectOptions } from './redaction.js';

/**
 * A JSON Web Key (RFC 7517) as an object, such as WebCrypto's `JsonWebKey`. Of a public key, what
 * stands beside `n` and `e` never travels.
 */
export interface Jwk {
  /** `RSA`. */
  readonly kty?: string | undefined;
}

/** The private half of a key pair as a {@link Jwk}. **Secret.** */
export interface PrivateJwk extends PublicJwk {
  /** The name that it was read with, if it had one: a JWE that names it is opened with this key. */
  readonly kid?: string;
  readonly d: string;
  readonly p: string;
  readonly q: string;
  readonly dp: string;
  readonly dq: string;
  readonly qi: string;
}

/** The public half of a key pair as a {@link Jwk}. */
export interface PublicJwk extends Jwk {
  readonly kty: 'RSA';
  /** The modulus, in base64url. */
  readonly n: string;
  /** The exponent, in base64url. */
  readonly e: string;
  readonly alg: 'RSA-OAEP-256';
  readonly use: 'enc';
}

/** A key as an argument: a text (PEM, or the JSON of a JWK), a JWK, or a pair. */
export type Key = string | Jwk | EncryptionKey;

/**
 * An RSA key pair for claims: Persona encrypts with the public half, and only this side can read
 * the answer.
 *
 * It is accepted wherever a key is: as `encryptionKey` its public half travels, as
 * `decryptionKey` its private half stays. The private half shows neither in `console.log` nor in
 * JSON; keep {@link EncryptionKey.privateKeyPem} where secrets are kept.
 *
 * @example
 * ```ts
 * const key = await EncryptionKey.generate();
 * const client = new RelayPass({ apiKey, decryptionKey: key });
 * ```
 */
export class EncryptionKey {
  /** The public half in PEM (`PUBLIC KEY`): what Persona gets. */
  readonly publicKeyPem: string;

  /**
   * The public half as a JSON Web Key, with `kty`, `n`, `e`, `alg` and `use`: what Persona gets in
   * that form, and what other libraries import.
   */
  readonly publicJwk: PublicJwk;

  readonly #privateKeyPem: string;

  readonly #privateJwk: string;

  private constructor(pair: KeyPair) {
    this.publicKeyPem = pair.publicKeyPem;
    this.publicJwk = Object.freeze(JSON.parse(pair.publicJwk) as PublicJwk);
    this.#privateKeyPem = pair.privateKeyPem;
    this.#privateJwk = pair.privateJwk;
    Object.freeze(this);
  }

  /**
   * Generates a key pair with the operating system's randomness, without blocking the event loop.
   *
   * @param bits - 2048 (the default), 3072 or 4096.
   * @throws {@link InvalidArgumentError} for another size.
   */
  static async generate(bits?: number | null): Promise<EncryptionKey> {
    const size = optional(readInteger, bits, 'bits');
    return new EncryptionKey(await call(undefined, () => native.generateKeys(size)));
  }

  /**
   * Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), without a
   * passphrase, 2048 to 4096 bits.
   *
   * @throws {@link InvalidArgumentError} for anything else.
   */
  static fromPem(privatePem: string): EncryptionKey {
    return new EncryptionKey(unwrap(native.readKeyPair(readText(privatePem, 'privatePem'))));
  }

  /**
   * Reads a private key that is a JSON Web Key (RFC 7517): an object, as WebCrypto exports it, or its
   * JSON. It has `d`, `p`, `q`, `dp`, `dq` and `qi`; `alg`, if it is there, is `RSA-OAEP-256`. Its
   * `kid`, if it has one, stays its name: a JWE that names it is opened with this key.
   *
   * @throws {@link InvalidArgumentError} for anything else, a public key for example.
   */
  static fromJwk(privateJwk: string | Jwk): EncryptionKey {
    return new EncryptionKey(unwrap(native.readJwk(readKeyText(privateJwk, 'privateJwk'))));
  }

  /** The private half in PEM (PKCS#8). **Secret.** */
  get privateKeyPem(): string {
    return this.#privateKeyPem;
  }

  /**
   * The private half as a JSON Web Key, with its `kid`, if it was read with one. A new object each
   * time. **Secret.**
   */
  get privateJwk(): PrivateJwk {
    return JSON.parse(this.#privateJwk) as PrivateJwk;
  }

  /**
   * The same as text.
   *
   * @internal
   */
  static privateText(key: EncryptionKey): string {
    return key.#privateJwk;
  }

  /**
   * Getters too are read by an inspection that is asked to.
   *
   * @internal
   */
  [inspect](_depth: number, options: InspectOptions, show: Inspect): string {
    const { publicKeyPem, publicJwk } = this;
    const shown = { publicKeyPem, publicJwk, privateKeyPem: REDACTED, privateJwk: REDACTED };
    return `EncryptionKey ${show(shown, options)}`;
  }
}

/**
 * The public half of a key, as an argument.
 *
 * @internal
 */
export function readPublicKey(value: unknown, name: string): string {
  return value instanceof EncryptionKey ? value.publicKeyPem : readKeyText(value, name);
}

/**
 * The private halves of one key or several, as an argument.
 *
 * @internal
 */
export function readPrivateKeys(value: unknown, name: string): string[] {
  const keys: unknown[] = Array.isArray(value) ? value : [value];
  return keys.map((key) =>
    key instanceof EncryptionKey ? EncryptionKey.privateText(key) : readKeyText(key, name),
  );
}

/** A key as text. What the text means is for the core to say. */
function readKeyText(value: unknown, name: string): string {
  if (typeof value === 'string') {
    return value;
  }
  if (typeof value === 'object' && value !== null && 'kty' in value) {
    return JSON.stringify(value);
  }
  throw new TypeError(
    `${name} must be a string (a key in PEM, or the JSON of a JWK), a JWK or an EncryptionKey`,
  );
}
