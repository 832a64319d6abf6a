"""A store for relaypass in Redis, with redis-py.

    client = RelayPass(api_key=…, store=RedisStore(redis.Redis(…)))

Redis keeps what it was told only with `appendonly yes` and `appendfsync always`: without them a
crash forgets passes that were paid for. Use the primary, never a replica.
"""

import redis
from relaypass import StoreRecord

# A record is a hash. Two sorted sets hold the keys: by due_at, and by name (all with the score 0).
SWAP = """
    local record, due, names = unpack(KEYS)
    local key, expected, new, value, version, due_at, expires_at = unpack(ARGV)
    if (redis.call('HGET', record, 'version') or '') ~= expected then return 0 end
    redis.call('DEL', record)
    redis.call('ZREM', due, key)
    redis.call('ZREM', names, key)
    if new == '1' then
        redis.call('HSET', record, 'value', value, 'version', version,
            'due_at', due_at, 'expires_at', expires_at)
        redis.call('ZADD', names, 0, key)
        if due_at ~= '' then redis.call('ZADD', due, due_at, key) end
    end
    return 1
"""
# The due keys of other prefixes are passed over.
DUE = """
    local prefix, due_before, limit, found, from = ARGV[1], ARGV[2], tonumber(ARGV[3]), {}, 0
    repeat
        local page = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', due_before, 'LIMIT', from, 1000)
        for _, key in ipairs(page) do
            if #found == limit then return found end
            if key:sub(1, #prefix) == prefix then table.insert(found, key) end
        end
        from = from + #page
    until #page == 0
    return found
"""


class RedisStore:
    def __init__(self, connection: redis.Redis) -> None:
        self.redis = connection
        self.swap = connection.register_script(SWAP)
        self.due = connection.register_script(DUE)

    def load(self, key: str) -> StoreRecord | None:
        names = ["value", "version", "due_at", "expires_at"]
        value, *numbers = self.redis.hmget(f"relaypass:record:{key}", names)
        if value is None:
            return None
        return StoreRecord(value, *[int(number) if number else None for number in numbers])

    def compare_and_swap(self, key: str, expected: int | None, new: StoreRecord | None) -> bool:
        record = [] if new is None else [new.value, new.version, new.due_at, new.expires_at]
        arguments = [key, expected, 0 if new is None else 1, *record]
        keys = [f"relaypass:record:{key}", "relaypass:due", "relaypass:names"]
        return self.swap(keys, ["" if item is None else item for item in arguments]) == 1

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        if due_before is not None:
            found = self.due(["relaypass:due"], [prefix, due_before, limit])
        else:
            # No key has a character beyond "~", and "\x7f" is the next one.
            found = self.redis.zrangebylex(
                "relaypass:names", f"[{prefix}", f"({prefix}\x7f", start=0, num=limit
            )
        return [key.decode() for key in found]
