package readme.errors

import dev.relaypass.Claim
import dev.relaypass.PermissionDeniedException
import dev.relaypass.PrivacyPass
import dev.relaypass.Relay
import dev.relaypass.RelayPass
import dev.relaypass.RelayPassException

val client = RelayPass { baseUrl = System.getenv("RELAYPASS_BASE_URL") }

/** The claim, or null while the visitor has not finished. */
suspend fun claimOf(relay: Relay, pass: PrivacyPass): Claim? =
    try {
        client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken).claim
    } catch (error: PermissionDeniedException) {
        null
    } catch (error: RelayPassException) {
        System.err.println("${error.code} ${error.requestId}")
        throw error
    }
