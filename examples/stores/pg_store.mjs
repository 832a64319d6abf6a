// A store on PostgreSQL with the package `pg`: new PgStore(new pg.Pool({ connectionString })).
//
// The table is the one of the built-in store: `relaypass store ddl` prints it.

export class PgStore {
  constructor(pool) {
    this.pool = pool;
  }

  async load(key) {
    const { rows } = await this.pool.query('SELECT * FROM relaypass_records WHERE key = $1', [key]);
    return rows.map(({ value, version, due_at, expires_at }) => ({
      value,
      version: Number(version), // pg gives bigint as text
      dueAt: due_at === null ? null : Number(due_at),
      expiresAt: expires_at === null ? null : Number(expires_at),
    }))[0];
  }

  async compareAndSwap(key, expected, next) {
    const columns = next && [key, next.value, next.version, next.dueAt, next.expiresAt];
    const { rowCount } = await (next === null
      ? this.pool.query('DELETE FROM relaypass_records WHERE key = $1 AND version = $2', [
          key,
          expected,
        ])
      : expected === null
        ? this.pool.query(
            'INSERT INTO relaypass_records (key, value, version, due_at, expires_at) ' +
              'VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
            columns,
          )
        : this.pool.query(
            'UPDATE relaypass_records SET value = $2, version = $3, due_at = $4, expires_at = $5 ' +
              'WHERE key = $1 AND version = $6',
            [...columns, expected],
          ));
    return rowCount === 1;
  }

  async scan(prefix, dueBefore, limit) {
    // '\x7f' sorts after every character that a key may have.
    const range = [prefix, `${prefix}\x7f`, limit];
    const { rows } = await (dueBefore === null
      ? this.pool.query(
          'SELECT key FROM relaypass_records WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3',
          range,
        )
      : this.pool.query(
          'SELECT key FROM relaypass_records WHERE key >= $1 AND key < $2 AND due_at <= $4 ' +
            'ORDER BY due_at, key LIMIT $3',
          [...range, dueBefore],
        ));
    return rows.map(({ key }) => key);
  }
}
