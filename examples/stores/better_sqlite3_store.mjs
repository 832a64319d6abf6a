// A store on SQLite with the package `better-sqlite3`: new BetterSqlite3Store(new Database(file)).
// Its methods are synchronous; a store may be.

const TABLE = `
  CREATE TABLE IF NOT EXISTS relaypass_records (
    key text PRIMARY KEY NOT NULL, value blob NOT NULL, version integer NOT NULL,
    due_at integer, expires_at integer
  ) STRICT;
  CREATE INDEX IF NOT EXISTS relaypass_records_due
    ON relaypass_records (due_at, key) WHERE due_at IS NOT NULL;`;
const LOAD = `SELECT value, version, due_at AS dueAt, expires_at AS expiresAt
  FROM relaypass_records WHERE key = ?`;
const INSERT = `INSERT INTO relaypass_records (key, value, version, due_at, expires_at)
  VALUES (@key, @value, @version, @dueAt, @expiresAt) ON CONFLICT DO NOTHING`;
const UPDATE = `UPDATE relaypass_records SET value = @value, version = @version, due_at = @dueAt,
  expires_at = @expiresAt WHERE key = @key AND version = @expected`;
const DELETE = 'DELETE FROM relaypass_records WHERE key = @key AND version = @expected';
const KEYS = 'SELECT key FROM relaypass_records WHERE key >= @prefix AND key < @end';

export class BetterSqlite3Store {
  constructor(db) {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL'); // what a swap did survives a loss of power
    db.exec(TABLE);
    const [load, insert, update, remove] = [LOAD, INSERT, UPDATE, DELETE].map((s) => db.prepare(s));
    const all = db.prepare(`${KEYS} ORDER BY key LIMIT @limit`).pluck();
    const due = db.prepare(`${KEYS} AND due_at <= @dueBefore ORDER BY due_at, key LIMIT @limit`);
    this.statements = { load, insert, update, remove, all, due: due.pluck() };
  }

  load(key) {
    return this.statements.load.get(key);
  }

  compareAndSwap(key, expected, next) {
    const { insert, update, remove } = this.statements;
    const swap = next === null ? remove : expected === null ? insert : update;
    return swap.run({ key, expected, ...next }).changes === 1;
  }

  scan(prefix, dueBefore, limit) {
    const { all, due } = this.statements;
    const end = `${prefix}\x7f`; // after all that a key may hold
    return (dueBefore === null ? all : due).all({ prefix, end, dueBefore, limit });
  }
}
