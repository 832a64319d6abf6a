@file:JvmName("OpenClaim")

package dev.relaypass

import dev.relaypass.generated.openClaim as openNatively

/**
 * Opens a claim payload: one that was redeemed without the key at hand, or that came with an error.
 * Nothing is sent. It may be encrypted in either form, for a key in PEM or for a JWK. It computes for a
 * millisecond or, with a key of 4096 bits, four.
 *
 * ```
 * val claim = openClaim(claimPayload, decryptionKey = EncryptionKey.fromPem(privateKeyPem))
 * ```
 *
 * @param claimPayload the payload as Persona sent it.
 * @param decryptionKey the key that opens it. With it, a payload that is not encrypted is refused.
 * @param claimType what was asked: a claim of another type is refused.
 * @throws DecryptionException the key does not open it.
 * @throws ClaimMismatchException it answers another question, or is not encrypted although a key is
 * given.
 * @throws ProtocolException it is not a claim.
 */
@JvmOverloads
public fun openClaim(
    claimPayload: String,
    decryptionKey: EncryptionKey? = null,
    claimType: String? = null,
): Claim =
    callNow { openNatively(claimPayload, decryptionKey?.let { listOf(it.privateJwk) }, claimType, null) }.lift()

/** As the other [openClaim], with the one of several keys that fits. */
@JvmOverloads
public fun openClaim(
    claimPayload: String,
    decryptionKeys: List<EncryptionKey>,
    claimType: String? = null,
): Claim =
    callNow { openNatively(claimPayload, decryptionKeys.map { it.privateJwk }, claimType, null) }.lift()

/**
 * As the other [openClaim], in this form only.
 *
 * @param encryptionForm the relay's own ([Relay.encryptionForm]): a payload in another form is refused.
 */
public fun openClaim(
    claimPayload: String,
    decryptionKeys: List<EncryptionKey>,
    claimType: String?,
    encryptionForm: EncryptionForm?,
): Claim =
    callNow {
        openNatively(claimPayload, decryptionKeys.map { it.privateJwk }, claimType, encryptionForm?.code)
    }.lift()
