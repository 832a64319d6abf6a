// A store on Redis with the package `ioredis`: new IoredisStore(new Redis(url)).
//
// Redis keeps what it acknowledged only with `appendonly yes` and `appendfsync always`, and without
// eviction (`maxmemory-policy noeviction`). Besides a hash for each record there are two sorted
// sets: of all keys (with equal scores, so in the order of their bytes) and of those that are due.

const KEYS = '{relaypass}:keys';
const DUE = '{relaypass}:due';
const record = (key) => `{relaypass}:record:${key}`;

const SWAP = `
  local key, expected, value, version, due, expires = unpack(ARGV)
  if (redis.call('HGET', KEYS[1], 'version') or '') ~= expected then return 0 end
  if version == '' then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], key)
    redis.call('ZREM', KEYS[3], key)
    return 1
  end
  redis.call('HSET', KEYS[1], 'value', value, 'version', version, 'due', due, 'expires', expires)
  redis.call('ZADD', KEYS[2], 0, key)
  if due == '' then redis.call('ZREM', KEYS[3], key) else redis.call('ZADD', KEYS[3], due, key) end
  return 1`;

export class IoredisStore {
  constructor(redis) {
    this.redis = redis;
  }

  async load(key) {
    const { value, version, due, expires } = await this.redis.hgetallBuffer(record(key));
    const time = (text) => (text.length === 0 ? null : Number(text));
    return value && { value, version: Number(version), dueAt: time(due), expiresAt: time(expires) };
  }

  async compareAndSwap(key, expected, next) {
    const { value = '', version = '', dueAt, expiresAt } = next ?? {};
    const values = [key, expected ?? '', value, version, dueAt ?? '', expiresAt ?? ''];
    return (await this.redis.eval(SWAP, 3, record(key), KEYS, DUE, ...values)) === 1;
  }

  async scan(prefix, dueBefore, limit) {
    if (dueBefore === null) {
      const end = `(${prefix}\x7f`; // after all that a key may hold
      return this.redis.zrangebylex(KEYS, `[${prefix}`, end, 'LIMIT', 0, limit);
    }
    const due = await this.redis.zrangebyscore(DUE, '-inf', dueBefore);
    return due.filter((key) => key.startsWith(prefix)).slice(0, limit);
  }
}
