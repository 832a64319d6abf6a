// A store in JavaScript, and all that can go wrong with one.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

import { RelayPass, RelayPassError, StoreError } from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';
import { later, MapStore } from './support/stores.mjs';

const claimType = 'age_over18_verified';

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

function clientOf(store, options = {}) {
  return sandbox.client({ store, ...options });
}

/** A store whose one method is this. */
function storeWith(method, action) {
  return Object.assign(new MapStore(), { [method]: action });
}

/** The shortest call that comes to a method. */
const CALLS = {
  load: (client, options) => client.verifications.get(randomUUID(), options),
  compareAndSwap: (client, options) => client.verifications.start({ claimType }, options),
  scan: (client, options) => client.verifications.recover(options),
};

async function thrownBy(action) {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

for (const [kind, store] of Object.entries({
  synchronous: () => new MapStore(),
  asynchronous: () => later(new MapStore()),
})) {
  test(`a ${kind} store: started, pending, passed, forgotten`, async () => {
    const kept = store();
    const client = clientOf(kept);
    const { verifications } = client;
    const started = await verifications.start({ claimType, reference: 'order-1' });
    assert.equal(started.claimType, claimType);
    assert.equal(started.status, 'pending');
    assert.equal(started.claim, null);
    assert.ok(started.expiresAt instanceof Date);
    assert.ok(started.hostedUrl.includes(encodeURIComponent(started.sessionAccessToken)));
    const again = await verifications.start({ claimType, reference: 'order-1' });
    assert.equal(again.id, started.id);
    assert.deepEqual(await verifications.complete(started.id), { status: 'pending', claim: null });

    await sandbox.visit(started);
    // Another client, as another process would have it.
    const completion = await clientOf(kept).verifications.complete(started.id);
    assert.equal(completion.status, 'passed');
    assert.equal(completion.claim.passed, true);
    assert.ok(Object.isFrozen(completion) && Object.isFrozen(completion.claim.methodology));
    const over = await verifications.get(started.id);
    assert.equal(over.status, 'passed');
    assert.equal(over.sessionAccessToken, null);
    assert.equal(over.hostedUrl, null);
    assert.deepEqual(over.claim, completion.claim);

    assert.equal(await verifications.forget(started.id), undefined);
    await assert.rejects(verifications.get(started.id), { code: 'not_found' });
    const { billed, redeemed, double_spends } = await sandbox.ledger();
    assert.deepEqual(
      { billed, redeemed, double_spends },
      { billed: 1, redeemed: 1, double_spends: 0 },
    );
  });
}

test('passes bought ahead are counted, and used', async () => {
  const { passes, verifications } = clientOf(new MapStore());
  assert.equal(await passes.count({ claimType }), 0);
  assert.equal(await passes.prefetch({ claimType, count: 2 }), 2);
  assert.equal(await passes.count({ claimType }), 2);
  const started = await verifications.start({ claimType });
  await sandbox.visit(started);
  assert.equal((await verifications.complete(started.id)).status, 'passed');
  assert.equal(await passes.count({ claimType }), 1);
  assert.equal((await sandbox.ledger()).billed, 2);
  for (const count of [-1, 1001, 2 ** 32, 2 ** 53]) {
    await assert.rejects(passes.prefetch({ claimType, count }), { code: 'invalid_argument' });
  }
});

test('without a store it says so', async () => {
  const { verifications, passes } = sandbox.client();
  for (const call of [
    () => verifications.start({ claimType }),
    () => verifications.complete(randomUUID()),
    () => verifications.get(randomUUID()),
    () => verifications.forget(randomUUID()),
    () => verifications.recover(),
    () => passes.prefetch({ claimType, count: 1 }),
    () => passes.count({ claimType }),
  ]) {
    await assert.rejects(call, { code: 'invalid_argument' });
  }
});

test('a store of the wrong shape is refused when the client is made', () => {
  for (const store of [1, {}, [], new Map(), { load() {}, compareAndSwap() {} }]) {
    assert.throws(() => new RelayPass({ store }), {
      name: 'TypeError',
      message: 'store must be a URL or an object with the methods load, compareAndSwap, scan',
    });
  }
  assert.throws(
    () => new RelayPass({ store: 'canary://u:canary@h' }),
    (error) => {
      assert.equal(error.code, 'invalid_argument');
      assert.doesNotMatch(inspect(error), /canary/);
      return true;
    },
  );
});

class OwnError extends Error {}
const THROWN = [
  new OwnError('canary'),
  new Error('canary', { cause: new Error('canary') }),
  Object.freeze({ canary: true }),
  Object.create(null),
  new Proxy({}, {}),
  () => 'canary',
  'canary',
  '',
  0,
  5n,
  NaN,
  true,
  null,
  undefined,
  Symbol('canary'),
];

for (const [method, call] of Object.entries(CALLS)) {
  for (const [how, fail] of Object.entries({
    throws: (value) => () => {
      throw value;
    },
    rejects: (value) => () => Promise.reject(value),
    'rejects later': (value) => () => sleep(1).then(() => Promise.reject(value)),
  })) {
    test(`${method} ${how}: what it threw is the cause, the same object`, async () => {
      for (const value of THROWN) {
        const error = await thrownBy(() => call(clientOf(storeWith(method, fail(value)))));
        assert.ok(error instanceof StoreError, inspect(error));
        assert.ok('cause' in error);
        assert.ok(Object.is(error.cause, value), inspect(value));
        assert.match(error.message, new RegExp(`\\b${method}\\b`));
        assert.match(error.operation, /^verifications\./);
        assert.doesNotMatch(error.message, /canary/);
        assert.match(error.stack, /store\.test\.mjs/);
      }
    });
  }

  test(`${method} that hangs runs into the store's time limit`, async () => {
    const store = storeWith(method, () => new Promise(() => {}));
    const error = await thrownBy(() => call(clientOf(store, { storeTimeoutMs: 50 })));
    assert.ok(error instanceof StoreError, inspect(error));
    assert.match(error.message, /took longer than 0\.05 seconds/);
    assert.ok(!('cause' in error));
  });

  test(`${method} that hangs is left by an aborted call, and may answer later`, async () => {
    const controller = new AbortController();
    const called = withResolvers();
    const answer = withResolvers();
    const store = storeWith(method, () => {
      called.resolve();
      return answer.promise;
    });
    const pending = call(clientOf(store), controller);
    await called.promise;
    controller.abort();
    await assert.rejects(pending, (reason) => reason === controller.signal.reason);
    answer.reject(new Error('too late for anybody'));
    await sleep(1);
  });
}

test('with a signal that is aborted already no store is called', async () => {
  const store = new MapStore();
  const signal = AbortSignal.abort();
  for (const call of Object.values(CALLS)) {
    await assert.rejects(call(clientOf(store), { signal }), (reason) => reason === signal.reason);
  }
  assert.deepEqual(store.calls, { load: 0, compareAndSwap: 0, scan: 0 });
});

test('a finished verification costs one load and no request', async () => {
  const store = new MapStore();
  const client = clientOf(store);
  const started = await client.verifications.start({ claimType });
  await sandbox.visit(started);
  await client.verifications.complete(started.id);
  const { requests } = await sandbox.get('requests');
  store.calls = { load: 0, compareAndSwap: 0, scan: 0 };
  assert.equal((await client.verifications.complete(started.id)).status, 'passed');
  assert.deepEqual(store.calls, { load: 1, compareAndSwap: 0, scan: 0 });
  assert.equal((await sandbox.get('requests')).requests.length, requests.length);
});

function withResolvers() {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
}

const record = { value: Buffer.from('canary'), version: 1, dueAt: null, expiresAt: null };
const without = (member) => ({ ...record, [member]: undefined });
for (const [method, expected, answers] of [
  [
    'load',
    /a record \{ value, version, dueAt, expiresAt \}/,
    ['canary', 5, true, Symbol('canary')],
  ],
  [
    'load',
    /value is a Uint8Array/,
    [
      {},
      [],
      new Map(),
      without('value'),
      { ...record, value: 'canary' },
      { ...record, value: [1] },
    ],
  ],
  ['load', /value is a Uint8Array/, [{ ...record, value: new ArrayBuffer(2) }]],
  ['load', /value is a Uint8Array/, [{ ...record, value: new Uint16Array(2) }]],
  [
    'load',
    /version is a whole number/,
    ['1', 1n, -1, 1.5, NaN, Infinity, 2 ** 53 + 2, null].map((version) => ({ ...record, version })),
  ],
  [
    'load',
    /dueAt is null or a whole/,
    ['', new Date(), -1, undefined].map((dueAt) => ({ ...record, dueAt })),
  ],
  [
    'load',
    /expiresAt is null or a whole/,
    ['canary', without('expiresAt')].map((expiresAt) => ({ ...record, expiresAt })),
  ],
  ['compareAndSwap', /true or false/, [undefined, null, 1, 0, 'canary', {}, { changes: 1 }]],
  [
    'scan',
    /an array of strings/,
    [undefined, null, 'canary', {}, new Set(), [1], ['canary', null]],
  ],
]) {
  test(`${method}: the wrong type is named, not shown (${expected.source})`, async () => {
    for (const answer of answers) {
      for (const given of [() => answer, async () => answer]) {
        const error = await thrownBy(() => CALLS[method](clientOf(storeWith(method, given))));
        assert.ok(error instanceof StoreError, inspect(error));
        assert.match(error.message, new RegExp(`\\b${method}\\b`));
        assert.match(error.message, expected);
        assert.doesNotMatch(inspect(error), /canary/);
        assert.ok(!('cause' in error));
      }
    }
  });
}

test('an answer that throws when it is read is an error of the store', async () => {
  const cause = new Error('mine');
  const hostile = {
    get value() {
      throw cause;
    },
  };
  const thenable = {
    then() {
      throw cause;
    },
  };
  for (const answer of [hostile, thenable]) {
    const client = clientOf(storeWith('load', () => answer));
    const error = await thrownBy(() => CALLS.load(client));
    assert.equal(error.code, 'store');
    assert.equal(error.cause, cause);
  }
});

test('a method that is taken away is an error of the store', async () => {
  const store = new MapStore();
  const client = clientOf(store);
  store.load = undefined;
  const error = await thrownBy(() => CALLS.load(client));
  assert.equal(error.code, 'store');
  assert.ok(error.cause instanceof TypeError);
});

test('a damaged record is left untouched', async () => {
  const store = new MapStore();
  const client = clientOf(store);
  const { id } = await client.verifications.start({ claimType });
  await client.verifications.complete(id); // nothing is left to the background
  for (const value of [
    Buffer.alloc(0),
    Buffer.from('canary'),
    new Uint8Array(70_000),
    Buffer.from([9]),
  ]) {
    const [key] = [...store.records.keys()].filter((name) => name.endsWith(id));
    const damaged = { ...store.records.get(key), value };
    store.records.set(key, damaged);
    const error = await thrownBy(() => client.verifications.complete(id));
    assert.equal(error.code, 'store');
    assert.doesNotMatch(inspect(error), /canary/);
    assert.equal(store.records.get(key), damaged);
  }
});

test('a store that claims a swap and does nothing loses the verification', async () => {
  const client = clientOf(storeWith('compareAndSwap', () => true));
  const started = await client.verifications.start({ claimType });
  await assert.rejects(client.verifications.complete(started.id), { code: 'not_found' });
});

test('a store that does a swap and denies it: once, the flow goes on', async () => {
  const store = new MapStore();
  let lies = 0;
  const lying = {
    load: (key) => store.load(key),
    scan: (...args) => store.scan(...args),
    compareAndSwap(...args) {
      const swapped = store.compareAndSwap(...args);
      lies += 1;
      return lies === 2 ? false : swapped;
    },
  };
  const client = clientOf(lying);
  const started = await client.verifications.start({ claimType });
  await sandbox.visit(started);
  assert.equal((await client.verifications.complete(started.id)).status, 'passed');
  const { billed, double_spends } = await sandbox.ledger();
  assert.deepEqual({ billed, double_spends }, { billed: 1, double_spends: 0 });
});

test('a store that refuses every swap is an error', async () => {
  const client = clientOf(storeWith('compareAndSwap', () => false));
  await assert.rejects(client.verifications.start({ claimType }), RelayPassError);
  assert.equal((await sandbox.ledger()).billed, 0);
});

test('a store that refuses every swap is an error, with a reference too', async () => {
  const client = clientOf(storeWith('compareAndSwap', () => false));
  const options = { timeoutMs: 200, signal: AbortSignal.timeout(2_000) };
  const start = client.verifications.start({ claimType, reference: 'order-1' }, options);
  await assert.rejects(start, RelayPassError);
});

test('the flow resumes when a store is back', async () => {
  const store = new MapStore();
  let down = false;
  const shaky = Object.fromEntries(
    ['load', 'compareAndSwap', 'scan'].map((method) => [
      method,
      (...args) => {
        if (down) {
          throw new OwnError('down');
        }
        return store[method](...args);
      },
    ]),
  );
  const { verifications } = clientOf(shaky);
  const started = await verifications.start({ claimType });
  await sandbox.visit(started);
  down = true;
  const error = await thrownBy(() => verifications.complete(started.id));
  assert.ok(error.cause instanceof OwnError);
  assert.equal(error.code, 'store');
  down = false;
  assert.equal((await verifications.complete(started.id)).status, 'passed');
});

test('a store may call the client again', async () => {
  const store = new MapStore();
  const inner = clientOf(new MapStore());
  let client;
  let depth = 0;
  const calling = {
    load: async (key) => {
      if (depth < 3) {
        depth += 1;
        await assert.rejects(client.verifications.get(randomUUID()), { code: 'not_found' });
        await inner.passes.count({ claimType });
        await client.relays.create({ claimType });
      }
      return store.load(key);
    },
    compareAndSwap: (...args) => store.compareAndSwap(...args),
    scan: (...args) => store.scan(...args),
  };
  client = clientOf(calling);
  await assert.rejects(client.verifications.get(randomUUID()), { code: 'not_found' });
  assert.equal(depth, 3);
});

for (const [kind, make] of Object.entries({
  synchronous: () => new MapStore(),
  asynchronous: () => later(new MapStore()),
})) {
  test(`64 verifications at once on one ${kind} store`, async () => {
    const client = clientOf(make(), { sealKey: randomBytes(32) });
    const ended = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const started = await client.verifications.start({ claimType });
        await sandbox.visit(started);
        return (await client.verifications.complete(started.id)).status;
      }),
    );
    assert.deepEqual(ended, Array(64).fill('passed'));
    const { billed, redeemed, double_spends } = await sandbox.ledger();
    assert.deepEqual(
      { billed, redeemed, double_spends },
      { billed: 64, redeemed: 64, double_spends: 0 },
    );
  });
}

test('64 callers who complete the same verification are billed once', async () => {
  const store = later(new MapStore());
  const client = clientOf(store);
  const started = await client.verifications.start({ claimType });
  await sandbox.visit(started);
  const ended = await Promise.all(
    Array.from({ length: 64 }, () => client.verifications.complete(started.id)),
  );
  for (const { status } of ended) {
    assert.equal(status, 'passed');
  }
  const { billed, redeemed, double_spends } = await sandbox.ledger();
  assert.deepEqual(
    { billed, redeemed, double_spends },
    { billed: 1, redeemed: 1, double_spends: 0 },
  );
});

test('AsyncLocalStorage: a store is called where its call was made', async () => {
  const storage = new AsyncLocalStorage();
  const seen = new Set();
  const store = new MapStore();
  for (const method of ['load', 'compareAndSwap', 'scan']) {
    const own = store[method].bind(store);
    store[method] = async (...args) => {
      await sleep(1);
      seen.add(`${method} ${storage.getStore()}`);
      return own(...args);
    };
  }
  const client = storage.run('made', () => clientOf(store));
  await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      storage.run(index, async () => {
        await assert.rejects(client.verifications.get(randomUUID()), { code: 'not_found' });
        assert.equal(storage.getStore(), index);
      }),
    ),
  );
  assert.deepEqual(
    [...seen].sort(),
    Array.from({ length: 8 }, (_, index) => `load ${index}`),
  );

  seen.clear();
  await storage.run('mine', () => client.verifications.recover());
  assert.ok(seen.has('scan mine') && seen.size === 1, inspect(seen));

  // What `start` leaves to the background belongs to nobody: it runs where the client was made.
  seen.clear();
  await storage.run('mine', () => client.verifications.start({ claimType }));
  assert.ok(seen.has('compareAndSwap mine'), inspect(seen));
});

test('a record keeps its bytes: those it had when it was returned', async () => {
  const store = new MapStore();
  const client = clientOf(store);
  const { id } = await client.verifications.start({ claimType });
  const found = [...store.records].find(([key]) => key.endsWith(id))[1];
  // Any view is a record's value: an offset into a larger buffer, a plain Uint8Array.
  const large = new Uint8Array(found.value.length + 20).fill(7);
  large.set(found.value, 10);
  const value = large.subarray(10, 10 + found.value.length);
  store.load = () => {
    // Overwritten as soon as the answer is out, as a pool of buffers would.
    setImmediate(() => large.fill(0));
    return { ...found, value };
  };
  assert.equal((await client.verifications.get(id)).id, id);
});

test('seal keys: no secret in the store, the first seals, all open', async () => {
  const store = new MapStore();
  const [old, fresh] = [randomBytes(32), new Uint8Array(randomBytes(32))];
  const started = await clientOf(store, { sealKey: old }).verifications.start({ claimType });
  const kept = Buffer.concat([...store.records.values()].map(({ value }) => value));
  for (const encoding of ['utf8', 'hex', 'base64']) {
    assert.ok(!kept.includes(Buffer.from(started.sessionAccessToken).toString(encoding)));
  }
  for (const sealKey of [undefined, fresh, [fresh]]) {
    const client = clientOf(store, { sealKey });
    await assert.rejects(client.verifications.get(started.id), { code: 'decryption' });
  }
  const rotated = clientOf(store, { sealKey: [fresh, old] }).verifications;
  await sandbox.visit(started);
  assert.equal((await rotated.complete(started.id)).status, 'passed');
  const { verifications } = clientOf(store, { sealKey: fresh });
  assert.equal((await verifications.get(started.id)).status, 'passed');
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => clientOf(store, { sealKey: new Uint8Array(length) }), {
      code: 'invalid_argument',
    });
  }
});

test('a store by URL: memory, and SQLite in a file', async (t) => {
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const folder = mkdtempSync(join(tmpdir(), 'relaypass-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const store of ['memory:', `sqlite://${folder}/relaypass.db`]) {
    const { verifications } = clientOf(store);
    const started = await verifications.start({ claimType });
    await sandbox.visit(started);
    assert.equal((await verifications.complete(started.id)).status, 'passed');
  }
});

test('a verification shows neither token nor page when inspected, and keeps them', async () => {
  const { verifications } = clientOf(new MapStore());
  const started = await verifications.start({ claimType });
  const shown = inspect([started], { depth: 9, showHidden: true });
  assert.ok(!shown.includes(started.sessionAccessToken) && !shown.includes(started.hostedUrl));
  assert.match(shown, /Verification \{/);
  assert.match(shown, /sessionAccessToken: \[redacted\]/);
  assert.ok(shown.includes(started.id));
  assert.equal(JSON.parse(JSON.stringify(started)).hostedUrl, started.hostedUrl);
  assert.ok(Object.isFrozen(started));
  await sandbox.visit(started);
  await verifications.complete(started.id);
  assert.match(inspect(await verifications.get(started.id)), /sessionAccessToken: null/);
});
