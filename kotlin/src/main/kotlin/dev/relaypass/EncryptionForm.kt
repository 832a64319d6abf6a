package dev.relaypass

/** In which form Persona gets the encryption key, and a claim comes back. */
public enum class EncryptionForm(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** The one that Persona takes, and the default. */
    AUTO("auto"),

    /** PEM, and no other. The claim comes as RSA-OAEP in base64. */
    PEM("pem"),

    /** A JSON Web Key, and no other. The claim comes as a compact JWE. */
    JWK("jwk"),
    ;

    internal companion object {
        fun of(code: String): EncryptionForm = entries.first { it.code == code }
    }
}
