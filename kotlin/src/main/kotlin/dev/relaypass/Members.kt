package dev.relaypass

/**
 * What relaypass answers or tells: two are equal that have the same members. The text has every member
 * but the secrets.
 */
// No data classes, whose `copy` and `componentN` change with every new member: code that was compiled
// before would no longer find them.
public abstract class RelayPassValue internal constructor(
    type: String,
    vararg members: Pair<String, Any?>,
) {
    private val members = Members(type, *members)

    /** Whether the other is of the same kind and has the same members. */
    final override fun equals(other: Any?): Boolean = other is RelayPassValue && members == other.members

    /** As [equals] wants it. */
    final override fun hashCode(): Int = members.hashCode()

    /** Every member but the secrets. */
    final override fun toString(): String = "$members"
}

/** Members by their names, to be compared and shown. */
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
