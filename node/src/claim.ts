import { optional, readData, readText } from './arguments.js';
import { unwrap } from './cancel.js';
import type { EncryptionForm } from './forms.js';
import { readPrivateKeys } from './keys.js';
import type { Key } from './keys.js';
import { native } from './native.js';
import { makeClaim } from './results.js';
import type { Claim } from './results.js';

/** What {@link openClaim} needs. */
export interface OpenClaimArguments {
  /** The payload as Persona sent it. */
  readonly claimPayload: string;
  /**
   * The private key, or several: each in PEM, as a JWK or an {@link EncryptionKey}. With it, a payload
   * that is not encrypted is refused.
   */
  readonly decryptionKey?: Key | readonly Key[] | null | undefined;
  /** What was asked: a claim of another type is refused. */
  readonly claimType?: string | null | undefined;
  /**
   * The relay's own ({@link Relay.encryptionForm}): a payload in another form is refused. `auto`, the
   * default, takes either.
   */
  readonly encryptionForm?: EncryptionForm | null | undefined;
}

/**
 * Opens a claim payload: one that was redeemed without the key at hand, or that came with an error.
 * Nothing is sent. It may be encrypted in either form, for a key in PEM or for a JWK, unless the form is
 * said. It computes for a millisecond or, with a key of 4096 bits, four.
 *
 * @throws {@link DecryptionError}: the key does not open it.
 * @throws {@link ClaimMismatchError}: it answers another question, is not encrypted although a key is
 * given, or comes in another form than `encryptionForm`.
 * @throws {@link ProtocolError}: it is not a claim.
 * @throws {@link InvalidArgumentError}: the key is no RSA private key of 2048 to 4096 bits.
 *
 * @example
 * ```ts
 * const claim = openClaim({ claimPayload, decryptionKey: privateKeyPem });
 * ```
 */
export function openClaim(args: OpenClaimArguments): Claim {
  const given = readData(args, 'openClaim');
  const claim = native.openClaim(
    readText(given.claimPayload, 'claimPayload'),
    optional(readPrivateKeys, given.decryptionKey, 'decryptionKey'),
    optional(readText, given.claimType, 'claimType'),
    optional(readText, given.encryptionForm, 'encryptionForm'),
  );
  return makeClaim(unwrap(claim));
}
