// A store on PostgreSQL with the package `pg`: new PgStore(new pg.Pool({ connectionString })).
//
// The table is the one of the built-in store: `relaypass store ddl` prints it.

const LOAD = 'SELECT value, version, due_at, expires_at FROM relaypass_records WHERE key = $1';
const INSERT = `INSERT INTO relaypass_records (key, value, version, due_at, expires_at)
  VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`;
const UPDATE = `UPDATE relaypass_records SET value = $2, version = $3, due_at = $4, expires_at = $5
  WHERE key = $1 AND version = $6`;
const DELETE = 'DELETE FROM relaypass_records WHERE key = $1 AND version = $2';
const ALL = 'SELECT key FROM relaypass_records WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3';
const DUE = `SELECT key FROM relaypass_records WHERE key >= $1 AND key < $2 AND due_at <= $4
  ORDER BY due_at, key LIMIT $3`;

export class PgStore {
  constructor(pool) {
    this.pool = pool;
  }

  async load(key) {
    const { rows } = await this.pool.query(LOAD, [key]);
    if (rows.length === 0) return null;
    const [{ value, version, due_at, expires_at }] = rows;
    const number = (text) => (text === null ? null : Number(text)); // pg gives bigint as text
    const [dueAt, expiresAt] = [number(due_at), number(expires_at)];
    return { value, version: Number(version), dueAt, expiresAt };
  }

  async compareAndSwap(key, expected, next) {
    if (next === null) return this.changes(DELETE, [key, expected]);
    const columns = [key, next.value, next.version, next.dueAt, next.expiresAt];
    if (expected === null) return this.changes(INSERT, columns);
    return this.changes(UPDATE, [...columns, expected]);
  }

  async scan(prefix, dueBefore, limit) {
    const range = [prefix, `${prefix}\x7f`, limit]; // \x7f: after all that a key may hold
    const { rows } = await (dueBefore === null
      ? this.pool.query(ALL, range)
      : this.pool.query(DUE, [...range, dueBefore]));
    return rows.map(({ key }) => key);
  }

  async changes(statement, values) {
    return (await this.pool.query(statement, values)).rowCount === 1;
  }
}
