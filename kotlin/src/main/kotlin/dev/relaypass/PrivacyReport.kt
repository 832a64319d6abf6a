package dev.relaypass

/**
 * What a [PrivacyFinding] is about. Stable, and the same in every language of relaypass.
 *
 * An open type: a later version may have more of them, so a `when` needs an `else`.
 *
 * @property code its name, the same in every language of relaypass: `one_address`.
 */
public class PrivacyCode private constructor(
    public val code: String,
) {
    /** Whether the other has the same name. */
    override fun equals(other: Any?): Boolean = other is PrivacyCode && code == other.code

    /** As [equals] wants it. */
    override fun hashCode(): Int = code.hashCode()

    /** The name. */
    override fun toString(): String = code

    /** Those that there are. */
    public companion object {
        /** Each of these by its name. */
        private val known = HashMap<String, PrivacyCode>()

        /**
         * The one with this name, also if this version does not know it. The known ones are each one object,
         * so `===` tells them, too.
         */
        @JvmStatic
        public fun of(code: String): PrivacyCode = known[code] ?: PrivacyCode(code)

        private fun know(code: String) = PrivacyCode(code).also { known[code] = it }

        /** Both lanes leave by the same address. */
        @JvmField public val ONE_ADDRESS: PrivacyCode = know("one_address")

        /** The calls that must not name the customer leave from this machine's own address. */
        @JvmField public val OWN_ADDRESS: PrivacyCode = know("own_address")

        /** Who else uses the way out of the calls that must not name the customer cannot be seen from here. */
        @JvmField public val PROXY_CROWD: PrivacyCode = know("proxy_crowd")

        /** Passes are bought when the program, or its caller, buys one. */
        @JvmField public val BOUGHT_WHEN_CALLED: PrivacyCode = know("bought_when_called")

        /** A verification buys its pass as soon as it begins. */
        @JvmField public val BOUGHT_AT_ONCE: PrivacyCode = know("bought_at_once")

        /** A verification buys its pass within the purchase window. */
        @JvmField public val BOUGHT_WITHIN_WINDOW: PrivacyCode = know("bought_within_window")

        /** Passes come from a pool, which is refilled as they are used. */
        @JvmField public val BOUGHT_AHEAD: PrivacyCode = know("bought_ahead")

        /** A pass is bought for one relay, which its challenge names. */
        @JvmField public val BOUND_TO_RELAY: PrivacyCode = know("bound_to_relay")

        /** A pool is wanted, and nothing fills it. */
        @JvmField public val POOL_NOT_FILLED: PrivacyCode = know("pool_not_filled")

        /** Passes were bought in the call that asks for the answer. */
        @JvmField public val BOUGHT_WHILE_ASKED: PrivacyCode = know("bought_while_asked")

        /** A pass carries the hour in which it was bought. */
        @JvmField public val HOUR_IN_PASS: PrivacyCode = know("hour_in_pass")

        /** Anonymous calls of several relays may share a connection. */
        @JvmField public val SHARED_CONNECTIONS: PrivacyCode = know("shared_connections")

        /** Every relay is created with the same public key. */
        @JvmField public val ENCRYPTION_KEY: PrivacyCode = know("encryption_key")

        /** Calls under several API keys come from one server. */
        @JvmField public val SEVERAL_API_KEYS: PrivacyCode = know("several_api_keys")

        /** Persona gave two challenges, two keys or two ids of a key for the same hour, or an odd time. */
        @JvmField public val ISSUER_INCONSISTENT: PrivacyCode = know("issuer_inconsistent")

        /** The id of Persona's key is not the digest of the key. */
        @JvmField public val KEY_ID_MISMATCH: PrivacyCode = know("key_id_mismatch")

        /** Persona signs with another key than before. */
        @JvmField public val KEY_CHANGED: PrivacyCode = know("key_changed")

        /** The pool holds passes that came back, and may have been shown to Persona before. */
        @JvmField public val REFUNDED_PASSES: PrivacyCode = know("refunded_passes")

        /** What Persona gives is compared within this process only. */
        @JvmField public val COMPARED_ALONE: PrivacyCode = know("compared_alone")

        /** What Persona gave last was fetched once: there is nothing to compare it with yet. */
        @JvmField public val ISSUER_SEEN_ONCE: PrivacyCode = know("issuer_seen_once")

        /** A mark that all who share the store are given would not be seen. */
        @JvmField public val MARKED_ALIKE: PrivacyCode = know("marked_alike")

        /** Where checks are few, there is hardly anybody else. */
        @JvmField public val FEW_CHECKS: PrivacyCode = know("few_checks")

        /** Calls that Persona makes wait go on together. */
        @JvmField public val PAUSED_TOGETHER: PrivacyCode = know("paused_together")

        /** The crowd is the users of relaypass. */
        @JvmField public val KNOWN_AS_RELAYPASS: PrivacyCode = know("known_as_relaypass")

        /** Networks and proxies on the way see when calls are made. */
        @JvmField public val SEEN_ON_THE_WAY: PrivacyCode = know("seen_on_the_way")
    }
}

/** How grave a [PrivacyFinding] is. */
public enum class PrivacySeverity(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** It joins relays with the customer who bought their passes. It was measured, or seen. */
    HIGH("high"),

    /**
     * It joins relays with each other, or with the customer under a condition that relaypass cannot see.
     */
    MEDIUM("medium"),

    /** By itself it joins nothing. */
    LOW("low"),
    ;

    internal companion object {
        @JvmSynthetic
        internal fun of(code: String): PrivacySeverity = entries.first { it.code == code }
    }
}

/**
 * Something that somebody can link with something. It holds no secret.
 *
 * @property code what it is about; later versions may add others.
 * @property severity how grave it is.
 * @property who who can link: `Persona`, or somebody on the way.
 * @property links what with what.
 * @property why why that is so here.
 * @property evidence how sure it is: what was measured, seen, or follows from the protocol.
 * @property change what to change; `null` where relaypass offers nothing.
 */
public class PrivacyFinding @JvmOverloads constructor(
    public val code: PrivacyCode,
    public val severity: PrivacySeverity,
    public val who: String,
    public val links: String,
    public val why: String,
    public val evidence: String,
    public val change: String? = null,
) : RelayPassValue(
        "PrivacyFinding",
        "code" to code,
        "severity" to severity,
        "who" to who,
        "links" to links,
        "why" to why,
        "evidence" to evidence,
        "change" to change,
    )

/**
 * What can be linked with the present configuration, and by what was seen.
 *
 * @property findings the gravest first. There is always one: some limits remain whatever is configured.
 * @property text the same as plain text, in lines.
 */
public class PrivacyReport(
    public val findings: List<PrivacyFinding> = emptyList(),
    public val text: String,
) : RelayPassValue("PrivacyReport", "findings" to findings, "text" to text)
