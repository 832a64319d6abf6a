package readme.store

import dev.relaypass.RelayStore
import dev.relaypass.support.MapStore

// What the README leaves to its reader.
typealias Pool = MapStore

class MyStore(
    pool: Pool,
) : RelayStore by pool

val pool = Pool()
val otherPool = pool
