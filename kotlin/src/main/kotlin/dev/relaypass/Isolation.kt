package dev.relaypass

/** What anonymous calls of different relays share. */
public enum class Isolation(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** Connections that are open already are used again, for whatever relay. The default. */
    NONE("none"),

    /** No connection, see [RelayPassOptions.isolation]. */
    RELAY("relay"),
}
