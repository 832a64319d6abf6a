"""A store for relaypass in PostgreSQL, with asyncpg.

    pool = await asyncpg.create_pool("postgres://…")
    await pool.execute(TABLE)  # once
    client = AsyncRelayPass(api_key=…, store=AsyncpgStore(pool))

asyncpg's pool belongs to the event loop that it was made in; so does the client, then.
"""

import asyncpg
from relaypass import StoreRecord

# Keys are compared byte for byte, whatever the database's language.
TABLE = """
    CREATE TABLE IF NOT EXISTS relaypass_records (
        key text COLLATE "C" PRIMARY KEY,
        value bytea NOT NULL, version bigint NOT NULL, due_at bigint, expires_at bigint);
    CREATE INDEX IF NOT EXISTS relaypass_records_due
        ON relaypass_records (due_at, key) WHERE due_at IS NOT NULL;
"""


class AsyncpgStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def load(self, key: str) -> StoreRecord | None:
        query = "SELECT value, version, due_at, expires_at FROM relaypass_records WHERE key = $1"
        row = await self.pool.fetchrow(query, key)
        return None if row is None else StoreRecord(*row)

    async def compare_and_swap(
        self, key: str, expected: int | None, new: StoreRecord | None
    ) -> bool:
        record = () if new is None else (new.value, new.version, new.due_at, new.expires_at)
        if new is None:
            query = "DELETE FROM relaypass_records WHERE key = $1 AND version = $2"
            done = await self.pool.execute(query, key, expected)
        elif expected is None:
            query = (
                "INSERT INTO relaypass_records VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
            )
            done = await self.pool.execute(query, key, *record)
        else:
            query = """UPDATE relaypass_records
                SET value = $3, version = $4, due_at = $5, expires_at = $6
                WHERE key = $1 AND version = $2"""
            done = await self.pool.execute(query, key, expected, *record)
        return done.endswith(" 1")  # such as "UPDATE 1"

    async def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        # No key has a character beyond "~", and "\x7f" is the next one.
        query = "SELECT key FROM relaypass_records WHERE key >= $1 AND key < $2"
        arguments = [prefix, prefix + "\x7f", limit]
        if due_before is None:
            query += " ORDER BY key LIMIT $3"
        else:
            query += " AND due_at <= $4 ORDER BY due_at, key LIMIT $3"
            arguments.append(due_before)
        return [row["key"] for row in await self.pool.fetch(query, *arguments)]
