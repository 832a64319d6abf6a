package readme.store

import dev.relaypass.testing.checkStore
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Test

class MyStoreTest {
    @Test
    fun `my store keeps the contract`() = runBlocking<Unit> {
        checkStore(MyStore(pool), reopen = { MyStore(otherPool) })
    }
}
