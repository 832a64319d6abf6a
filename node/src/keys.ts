import { readInteger, readText } from './arguments.js';
import { call, unwrap } from './cancel.js';
import { native } from './native.js';
import type { KeyPair } from './native.js';
import { inspect, REDACTED } from './redaction.js';
import type { Inspect, InspectOptions } from './redaction.js';

/**
 * An RSA key pair for claims: Persona encrypts with the public half, and only this side can read
 * the answer.
 *
 * It is accepted wherever a key in PEM is: as `encryptionKey` its public half travels, as
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

  readonly #privateKeyPem: string;

  private constructor(pair: KeyPair) {
    this.publicKeyPem = pair.publicKeyPem;
    this.#privateKeyPem = pair.privateKeyPem;
    Object.freeze(this);
  }

  /**
   * Generates a key pair with the operating system's randomness, without blocking the event loop.
   *
   * @param bits - 2048, 3072 or 4096.
   * @throws {@link InvalidArgumentError} for another size.
   */
  static async generate(bits: number = 2048): Promise<EncryptionKey> {
    const size = readInteger(bits, 'bits');
    return new EncryptionKey(await call(undefined, () => native.generateKeys(size)));
  }

  /**
   * Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), without a
   * passphrase, 2048 to 4096 bits.
   *
   * @throws {@link InvalidArgumentError} for anything else.
   */
  static fromPem(privatePem: string): EncryptionKey {
    return new EncryptionKey(unwrap(native.readKeys(readText(privatePem, 'privatePem'))));
  }

  /** The private half in PEM (PKCS#8). **Secret.** */
  get privateKeyPem(): string {
    return this.#privateKeyPem;
  }

  /**
   * Getters too are read by an inspection that is asked to.
   *
   * @internal
   */
  [inspect](_depth: number, options: InspectOptions, show: Inspect): string {
    const shown = { publicKeyPem: this.publicKeyPem, privateKeyPem: REDACTED };
    return `EncryptionKey ${show(shown, options)}`;
  }
}

/**
 * The public half of a key, as an argument.
 *
 * @internal
 */
export function readPublicKey(value: unknown, name: string): string {
  return value instanceof EncryptionKey ? value.publicKeyPem : readPem(value, name);
}

/**
 * The private half of a key, as an argument.
 *
 * @internal
 */
export function readPrivateKey(value: unknown, name: string): string {
  return value instanceof EncryptionKey ? value.privateKeyPem : readPem(value, name);
}

function readPem(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw new TypeError(`${name} must be a string (a key in PEM) or an EncryptionKey`);
  }
  return value;
}
