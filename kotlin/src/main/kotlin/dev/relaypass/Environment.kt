package dev.relaypass

/** Which of Persona's two worlds: passes and relays of one do not fit the other. */
public enum class Environment(
    /** Its name as Persona writes it. */
    public val code: String,
) {
    /** Where people are checked, and passes are billed. */
    PRODUCTION("production"),

    /** Where everybody passes, and nothing is billed. */
    SANDBOX("sandbox"),
    ;

    internal companion object {
        @JvmSynthetic
        internal fun of(code: String): Environment = entries.first { it.code == code }
    }
}
