package dev.relaypass

/**
 * The members of a result: what it is compared by and shown with.
 *
 * Results are not data classes, whose `copy` and `componentN` change with every new member: code that
 * was compiled before would no longer find them.
 */
internal class Members(
    private val type: String,
    private vararg val members: Pair<String, Any?>,
) {
    override fun equals(other: Any?): Boolean =
        other is Members && type == other.type && members.contentEquals(other.members)

    override fun hashCode(): Int = members.contentHashCode()

    override fun toString(): String =
        members.joinToString(prefix = "$type(", postfix = ")") { (name, value) -> "$name=$value" }
}

/** A member that shows only whether it is there. */
@JvmSynthetic
internal fun secret(value: String?): Any? = value?.let(::Hidden)

private data class Hidden(
    private val value: String,
) {
    override fun toString(): String = REDACTED
}

/** What stands for a secret in a text. */
internal const val REDACTED: String = "[redacted]"
