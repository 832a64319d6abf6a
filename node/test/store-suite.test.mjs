// checkStore: it lets good stores pass, and says of bad ones what is wrong.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { checkStore, StoreViolation } from 'relaypass/testing';

import { later, MapStore } from './support/stores.mjs';

const cjs = createRequire(import.meta.url)('relaypass/testing');

test('both doors lead to the same functions', () => {
  assert.equal(cjs.checkStore, checkStore);
  assert.equal(cjs.StoreViolation, StoreViolation);
});

for (const [kind, store] of Object.entries({
  synchronous: new MapStore(),
  asynchronous: later(new MapStore()),
})) {
  test(`a good ${kind} store passes, and nothing is left in it`, async () => {
    const report = await checkStore(store);
    assert.ok(report.passed.length > 5, inspect(report));
    assert.deepEqual(report.skipped, ['reopening']);
    assert.ok(Object.isFrozen(report) && Object.isFrozen(report.passed));
    assert.equal(store.records?.size ?? 0, 0);

    const reopened = await checkStore(store, { reopen: () => store });
    assert.deepEqual(reopened.skipped, []);
    assert.ok(
      (await checkStore(store, { reopen: async () => store })).passed.includes('reopening'),
    );
  });
}

function broken(method, action) {
  const store = new MapStore();
  const own = store[method].bind(store);
  return Object.assign(store, { [method]: (...args) => action(own, ...args) });
}

for (const [fear, store, rule] of [
  ['swaps whatever is there', swapsAlways(), /refused/],
  ['answers before it has written', forgetful(), /./],
  ['compares keys without case', caseless(), /./],
  [
    'takes _ for a wildcard',
    broken('scan', (own, prefix, ...rest) => {
      const pattern = new RegExp(`^${prefix.replaceAll('.', '\\.').replaceAll('_', '.')}`);
      return own('', ...rest.with(1, Infinity))
        .filter((key) => pattern.test(key))
        .slice(0, rest[1]);
    }),
    /prefix/,
  ],
  [
    'returns more than the limit',
    broken('scan', (own, prefix, due) => own(prefix, due, 1e6)),
    /limit/,
  ],
  ['scans in the wrong order', broken('scan', (own, ...args) => own(...args).reverse()), /order/],
  ['drops dueAt', broken('load', (own, key) => own(key) && { ...own(key), dueAt: null }), /./],
  [
    'cuts values at a zero',
    broken('load', (own, key) => {
      const found = own(key);
      const end = found?.value.indexOf(0) ?? -1;
      return end === -1 ? found : { ...found, value: found.value.subarray(0, end) };
    }),
    /bytes|exactly/,
  ],
]) {
  test(`a store that ${fear} is found out`, async () => {
    await assert.rejects(checkStore(store), (error) => {
      assert.ok(error instanceof StoreViolation, inspect(error));
      assert.equal(error.name, 'StoreViolation');
      assert.match(error.rule, rule);
      assert.ok(error.message.includes(error.rule) && error.message.includes(error.found));
      assert.ok(!('cause' in error));
      return true;
    });
  });
}

function swapsAlways() {
  return broken('compareAndSwap', (own, key, expected, next) => {
    if (next === null) {
      return own(key, expected, next);
    }
    return own(key, null, next) || own(key, 1, next) || own(key, 7, next);
  });
}

function forgetful() {
  const store = new MapStore();
  return {
    load: (key) => store.load(key),
    scan: (...args) => store.scan(...args),
    compareAndSwap(...args) {
      setTimeout(() => store.compareAndSwap(...args), 5);
      return true;
    },
  };
}

function caseless() {
  const store = new MapStore();
  return {
    load: (key) => store.load(key.toLowerCase()),
    scan: (prefix, ...rest) => store.scan(prefix.toLowerCase(), ...rest),
    compareAndSwap: (key, ...rest) => store.compareAndSwap(key.toLowerCase(), ...rest),
  };
}

test('a store that throws: what it threw is the cause, the same object', async () => {
  for (const method of ['load', 'compareAndSwap', 'scan']) {
    for (const cause of [new Error('mine'), null]) {
      const store = broken(method, () => {
        throw cause;
      });
      await assert.rejects(checkStore(store), (error) => {
        assert.ok(error instanceof StoreViolation, inspect(error));
        assert.ok('cause' in error);
        assert.equal(error.cause, cause);
        assert.match(error.found, new RegExp(method));
        return true;
      });
    }
  }
});

test('a store that answers with the wrong type is found out', async () => {
  await assert.rejects(checkStore(broken('load', () => 5)), {
    name: 'StoreViolation',
    found: /load must return a record/,
  });
});

test('reopen that throws, or gives no store', async () => {
  const store = new MapStore();
  const cause = new Error('mine');
  for (const reopen of [
    () => {
      throw cause;
    },
    () => Promise.reject(cause),
  ]) {
    await assert.rejects(checkStore(store, { reopen }), (error) => error.cause === cause);
  }
  await assert.rejects(checkStore(store, { reopen: () => ({}) }), (error) => {
    assert.ok(error instanceof StoreViolation);
    assert.match(error.cause.message, /reopen must return an object with the methods load/);
    return true;
  });
});

test('wrong arguments are said at once', async () => {
  await assert.rejects(checkStore(), { name: 'TypeError', message: /store must be an object/ });
  await assert.rejects(checkStore('memory:'), { name: 'TypeError' });
  await assert.rejects(checkStore(new MapStore(), { reopen: 1 }), { message: /reopen/ });
  await assert.rejects(checkStore(new MapStore(), { open() {} }), { message: /open/ });
});
