// A store on SQLite with the package `better-sqlite3`: new BetterSqlite3Store(new Database(file)).
// Its methods are synchronous; a store may be.

export class BetterSqlite3Store {
  constructor(db) {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL'); // durable when a swap returns
    db.exec(`
      CREATE TABLE IF NOT EXISTS relaypass_records (key text PRIMARY KEY NOT NULL,
        value blob NOT NULL, version integer NOT NULL, due_at integer, expires_at integer) STRICT;
      CREATE INDEX IF NOT EXISTS relaypass_records_due
        ON relaypass_records (due_at, key) WHERE due_at IS NOT NULL`);
    const record = 'value, version, due_at AS dueAt, expires_at AS expiresAt';
    this.select = db.prepare(`SELECT ${record} FROM relaypass_records WHERE key = ?`);
    this.insert =
      db.prepare(`INSERT INTO relaypass_records (key, value, version, due_at, expires_at)
      VALUES (@key, @value, @version, @dueAt, @expiresAt) ON CONFLICT DO NOTHING`);
    this.update = db.prepare(`UPDATE relaypass_records SET value = @value, version = @version,
      due_at = @dueAt, expires_at = @expiresAt WHERE key = @key AND version = @expected`);
    this.delete = db.prepare(
      'DELETE FROM relaypass_records WHERE key = @key AND version = @expected',
    );
    const inRange = 'SELECT key FROM relaypass_records WHERE key >= @prefix AND key < @end';
    this.all = db.prepare(`${inRange} ORDER BY key LIMIT @limit`).pluck();
    this.due = db
      .prepare(`${inRange} AND due_at <= @dueBefore ORDER BY due_at, key LIMIT @limit`)
      .pluck();
  }

  load(key) {
    return this.select.get(key);
  }

  compareAndSwap(key, expected, next) {
    const swap = next === null ? this.delete : expected === null ? this.insert : this.update;
    return swap.run({ key, expected, ...next }).changes === 1;
  }

  scan(prefix, dueBefore, limit) {
    // '\x7f' sorts after every character that a key may have.
    const found = dueBefore === null ? this.all : this.due;
    return found.all({ prefix, end: `${prefix}\x7f`, dueBefore, limit });
  }
}
