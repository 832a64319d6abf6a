package dev.relaypass

import dev.relaypass.generated.KeyPairRecord
import dev.relaypass.generated.generateKeys
import dev.relaypass.generated.readJwk
import dev.relaypass.generated.readKeyPair

/**
 * An RSA key pair for claims: Persona encrypts with the public half, and only this side can read the
 * answer.
 *
 * As `encryptionKey` its public half travels, as `decryptionKey` its private half stays. The private
 * half shows in no text; keep [privateKeyPem] where secrets are kept.
 *
 * ```
 * val key = EncryptionKey.generate()
 * val client = RelayPass { decryptionKey = key }
 * ```
 */
public class EncryptionKey private constructor(
    /** The public half in PEM (`PUBLIC KEY`): what Persona gets. */
    public val publicKeyPem: String,
    /**
     * The public half as the JSON of a JSON Web Key, with `kty`, `n`, `e`, `alg` and `use`: what Persona
     * gets in that form.
     */
    public val publicJwk: String,
    /** The private half in PEM (PKCS#8). **Secret.** */
    public val privateKeyPem: String,
    /**
     * The private half as the JSON of a JSON Web Key, with its `kid`, if it was read with one. **Secret.**
     */
    public val privateJwk: String,
) {
    /** Whether the other is the same key pair. */
    override fun equals(other: Any?): Boolean = other is EncryptionKey && other.privateKeyPem == privateKeyPem

    /** As [equals] wants it. */
    override fun hashCode(): Int = publicKeyPem.hashCode()

    /** The public half only. */
    override fun toString(): String =
        "EncryptionKey(publicKeyPem=$publicKeyPem, publicJwk=$publicJwk, " +
            "privateKeyPem=$REDACTED, privateJwk=$REDACTED)"

    /** Where keys come from. */
    public companion object {
        /**
         * Generates a key pair with the operating system's randomness, without blocking the caller's
         * thread.
         *
         * @param bits 2048, 3072 or 4096.
         * @throws InvalidArgumentException for another size.
         */
        public suspend fun generate(bits: Int = 2048): EncryptionKey =
            callNative(timeout = null) { number, _ -> generateKeys(bits.toLong(), number) }.lift()

        /**
         * Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), without a
         * passphrase, 2048 to 4096 bits.
         *
         * @throws InvalidArgumentException for anything else.
         */
        @JvmStatic
        public fun fromPem(privatePem: String): EncryptionKey = callNow { readKeyPair(privatePem) }.lift()

        /**
         * Reads a private key that is the JSON of a JSON Web Key (RFC 7517), with `d`, `p`, `q`, `dp`,
         * `dq` and `qi`; `alg`, if it is there, is `RSA-OAEP-256`. Its `kid`, if it has one, stays its
         * name: a JWE that names it is opened with this key.
         *
         * @throws InvalidArgumentException for anything else.
         */
        @JvmStatic
        public fun fromJwk(privateJwk: String): EncryptionKey = callNow { readJwk(privateJwk) }.lift()

        /** As the other [fromJwk], with the members of the JWK. */
        @JvmStatic
        public fun fromJwk(privateJwk: Map<String, *>): EncryptionKey = fromJwk(jwkText(privateJwk))

        private fun KeyPairRecord.lift() = EncryptionKey(publicKeyPem, publicJwk, privateKeyPem, privateJwk)
    }
}
