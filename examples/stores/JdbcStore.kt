// A store on PostgreSQL over JDBC: JdbcStore(dataSource), with a pool such as HikariCP's behind it.
//
// The table is the one of the built-in store: `relaypass store ddl` prints it.

package examples.stores

import dev.relaypass.RelayStore
import dev.relaypass.StoreRecord
import java.sql.PreparedStatement
import java.sql.ResultSet
import javax.sql.DataSource
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runInterruptible

private const val LOAD = "SELECT value, version, due_at, expires_at FROM relaypass_records WHERE key = ?"
private const val INSERT = """INSERT INTO relaypass_records (key, value, version, due_at, expires_at)
  VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
private const val UPDATE = """UPDATE relaypass_records SET value = ?, version = ?, due_at = ?, expires_at = ?
  WHERE key = ? AND version = ?"""
private const val DELETE = "DELETE FROM relaypass_records WHERE key = ? AND version = ?"
private const val ALL = "SELECT key FROM relaypass_records WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
private const val DUE = """SELECT key FROM relaypass_records WHERE key >= ? AND key < ? AND due_at <= ?
  ORDER BY due_at, key LIMIT ?"""

class JdbcStore(private val database: DataSource) : RelayStore {
    override suspend fun load(key: String): StoreRecord? =
        execute(LOAD, key) { statement ->
            val row = statement.executeQuery()
            if (!row.next()) return@execute null
            StoreRecord(row.getBytes(1), row.getLong(2), row.longOrNull(3), row.longOrNull(4))
        }

    override suspend fun compareAndSwap(key: String, expected: Long?, next: StoreRecord?): Boolean {
        val columns = next?.let { arrayOf(it.value, it.version, it.dueAt, it.expiresAt) }
        return when {
            columns == null -> changes(DELETE, key, expected)
            expected == null -> changes(INSERT, key, *columns)
            else -> changes(UPDATE, *columns, key, expected)
        }
    }

    override suspend fun scan(prefix: String, dueBefore: Long?, limit: Int): List<String> {
        val end = "$prefix\u007f" // after all that a key may hold
        return if (dueBefore == null) keys(ALL, prefix, end, limit) else keys(DUE, prefix, end, dueBefore, limit)
    }

    private suspend fun changes(sql: String, vararg values: Any?) =
        execute(sql, *values) { it.executeUpdate() == 1 }

    private suspend fun keys(sql: String, vararg values: Any?) =
        execute(sql, *values) { statement ->
            val rows = statement.executeQuery()
            buildList { while (rows.next()) add(rows.getString(1)) }
        }

    /** JDBC blocks its thread: not the caller's, and not longer than the call waits. */
    private suspend fun <T> execute(sql: String, vararg values: Any?, read: (PreparedStatement) -> T): T =
        runInterruptible(Dispatchers.IO) {
            database.connection.use { connection ->
                connection.prepareStatement(sql).use { statement ->
                    values.forEachIndexed { index, value ->
                        // PostgreSQL must know the type of a null, and all that may be null are numbers.
                        if (value == null) statement.setNull(index + 1, java.sql.Types.BIGINT)
                        else statement.setObject(index + 1, value)
                    }
                    read(statement)
                }
            }
        }
}

private fun ResultSet.longOrNull(column: Int) = getLong(column).takeUnless { wasNull() }
