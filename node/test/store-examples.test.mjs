// The stores of examples/stores, on real servers, by the suite and in a verification.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { BetterSqlite3Store } from '../../examples/stores/better_sqlite3_store.mjs';
import { IoredisStore } from '../../examples/stores/ioredis_store.mjs';
import { PgStore } from '../../examples/stores/pg_store.mjs';

import { RelayPass } from 'relaypass';
import { checkStore } from 'relaypass/testing';
import pg from 'pg';
import { Redis } from 'ioredis';

import { startSandbox } from './support/sandbox.mjs';
import { startServices } from './support/stores.mjs';

const claimType = 'age_over18_verified';

let sandbox;
let services;
let folder;
before(async () => {
  [sandbox, services] = await Promise.all([startSandbox(), startServices()]);
  folder = mkdtempSync(join(tmpdir(), 'relaypass-stores-'));
});
after(async () => {
  rmSync(folder, { recursive: true });
  await Promise.all([sandbox.stop(), services.stop()]);
});
beforeEach(() => sandbox.reset());

/** Says why a test cannot run here; where everything is required, that is a failure. */
function missing(t, what) {
  assert.notEqual(process.env.REQUIRE_ALL, '1', `${what} is required (REQUIRE_ALL=1)`);
  t.skip(`${what} is not to be had here`);
}

async function keepsTheContract(store, reopen) {
  const report = await checkStore(store, { reopen });
  assert.deepEqual(report.skipped, []);
  const client = sandbox.client({ store, passPool: 2 });
  assert.equal(await client.passes.prefetch({ claimType, count: 1 }), 1);
  const started = await client.verifications.start({ claimType, reference: 'order-1' });
  assert.equal((await client.verifications.complete(started.id)).status, 'pending');
  await sandbox.visit(started);
  const other = sandbox.client({ store: await reopen() });
  assert.equal((await other.verifications.complete(started.id)).status, 'passed');
  assert.equal(typeof (await other.verifications.recover()), 'number');
  const { redeemed, double_spends } = await sandbox.ledger();
  assert.deepEqual({ redeemed, double_spends }, { redeemed: 1, double_spends: 0 });
}

test('pg', async (t) => {
  if (services.postgres === null) {
    return missing(t, 'PostgreSQL');
  }
  const pools = [];
  const open = () => {
    pools.push(new pg.Pool({ connectionString: services.postgres }));
    return new PgStore(pools.at(-1));
  };
  const store = open();
  try {
    await store.pool.query(DDL);
    await keepsTheContract(store, open);
    // The same table as the built-in store's: one may follow the other.
    const started = await sandbox.client({ store }).verifications.start({ claimType });
    const url = `${services.postgres}?sslmode=disable`;
    const builtIn = new RelayPass({ store: url, baseUrl: sandbox.url });
    assert.equal((await builtIn.verifications.get(started.id)).id, started.id);
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
});

const DDL = `
  CREATE TABLE IF NOT EXISTS relaypass_records (
    key text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL,
    version bigint NOT NULL,
    due_at bigint,
    expires_at bigint
  );
  CREATE INDEX IF NOT EXISTS relaypass_records_due
    ON relaypass_records (due_at, key) WHERE due_at IS NOT NULL;
`;

test('ioredis', async (t) => {
  if (services.redis === null) {
    return missing(t, 'Redis');
  }
  const connections = [];
  const open = () => {
    connections.push(new Redis(services.redis));
    return new IoredisStore(connections.at(-1));
  };
  try {
    await keepsTheContract(open(), open);
  } finally {
    for (const connection of connections) {
      connection.disconnect();
    }
  }
});

test('better-sqlite3', async (t) => {
  let Database;
  try {
    Database = createRequire(import.meta.url)('better-sqlite3');
    new Database(':memory:').close();
  } catch {
    return missing(t, 'better-sqlite3 (a compiler and the headers of node)');
  }
  const databases = [];
  const open = () => {
    databases.push(new Database(join(folder, 'relaypass.db')));
    return new BetterSqlite3Store(databases.at(-1));
  };
  try {
    await keepsTheContract(open(), open);
  } finally {
    for (const database of databases) {
      database.close();
    }
  }
});
