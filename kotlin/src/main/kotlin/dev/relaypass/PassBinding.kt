package dev.relaypass

/** What verifications bind their passes to. */
public enum class PassBinding(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** The claim type: Persona's current generation, and the default. */
    CLAIM_TYPE("claim_type"),

    /** The one relay: the first generation. */
    RELAY("relay"),
}
