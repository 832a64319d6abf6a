package dev.relaypass

/** How Persona's page for the visitor looks. */
public enum class Theme(
    /** Persona's own name for it. */
    public val code: String,
) {
    /** Dark on light. */
    LIGHT("light"),

    /** Light on dark. */
    DARK("dark"),

    /** As the visitor's device is set. */
    AUTO("auto"),
}
