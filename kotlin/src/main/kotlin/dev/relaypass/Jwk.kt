package dev.relaypass

/** The JSON of a JWK that is given as a map. What the core does not know it refuses or ignores there. */
internal fun jwkText(members: Map<String, *>): String = json(members)

private fun json(value: Any?): String =
    when (value) {
        null, is Boolean, is Int, is Long -> value.toString()
        is Map<*, *> -> value.entries.joinToString(",", "{", "}") { (name, member) -> "${quoted(name.toString())}:${json(member)}" }
        is Iterable<*> -> value.joinToString(",", "[", "]", transform = ::json)
        else -> quoted(value.toString())
    }

/** A JSON string (RFC 8259 section 7). */
private fun quoted(text: String): String =
    text.toList().joinToString("", "\"", "\"") { letter ->
        when {
            letter == '"' || letter == '\\' -> "\\$letter"
            letter < ' ' -> "\\u%04x".format(letter.code)
            else -> letter.toString()
        }
    }
