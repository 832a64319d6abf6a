package dev.relaypass

/** How far a client goes so that Persona cannot tell whose a relay is. */
public enum class Privacy(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** What costs nothing is done; what Persona could join is told as an event. The default. */
    STANDARD("standard"),

    /** What Persona could join is refused, see [RelayPassOptions.privacy]. */
    STRICT("strict"),
}
