// close(): what is under way ends first, and nobody waits for himself.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ClosedError, InvalidArgumentError, RequestTimeoutError } from 'relaypass';

import { runModule } from './support/run.mjs';
import { startSandbox } from './support/sandbox.mjs';
import { MapStore } from './support/stores.mjs';

const claimType = 'age_over18_verified';

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

const signLate = () =>
  sandbox.post('faults', { faults: [{ step: 'sign', fault: 'delay', milliseconds: 300 }] });

const billed = async () => (await sandbox.get('ledger')).billed;

test('close finishes a purchase, and the store is left alone afterwards', async () => {
  await signLate();
  const store = new MapStore();
  const client = sandbox.client({ store });
  await client.verifications.start({ claimType });
  await client.close();
  assert.equal(await billed(), 1);
  const calls = { ...store.calls };
  await sleep(200);
  assert.deepEqual(store.calls, calls);
  await assert.rejects(client.relays.create({ claimType }), ClosedError);
});

test('Symbol.asyncDispose closes', async () => {
  await signLate();
  const client = sandbox.client({ store: new MapStore() });
  await client.verifications.start({ claimType });
  await client[Symbol.asyncDispose]();
  assert.equal(await billed(), 1);
  await assert.rejects(client.passes.count({ claimType }), ClosedError);
});

test('a store that hangs is waited for no longer than said', async () => {
  const called = withResolvers();
  const hang = withResolvers();
  class Hanging extends MapStore {
    async scan(...args) {
      called.resolve();
      await hang.promise;
      return super.scan(...args);
    }
  }
  const store = new Hanging();
  const client = sandbox.client({ store });
  const recovering = client.verifications.recover();
  await called.promise;
  const began = Date.now();
  await assert.rejects(client.close({ timeoutMs: 200 }), (error) => {
    assert.ok(error instanceof RequestTimeoutError);
    assert.equal(error.operation, 'close');
    return true;
  });
  assert.ok(Date.now() - began < 5_000);
  hang.resolve();
  // It takes up nothing more, and the store is called no more.
  assert.equal(await recovering, 0);
  assert.equal(store.calls.scan, 1);
  await client.close();
});

test('a store may close its client and wait for that', async () => {
  class Closing extends MapStore {
    async scan(...args) {
      await client.close();
      return super.scan(...args);
    }
  }
  const client = sandbox.client({ store: new Closing() });
  // A close that waited for itself would reject when its time is up, and the scan with it.
  assert.equal(await client.verifications.recover(), 0);
  await client.close();
});

test('a listener may close its client', async () => {
  const closed = withResolvers();
  const onEvent = () => client.close().then(closed.resolve, closed.reject);
  const client = sandbox.client({ store: new MapStore(), onEvent });
  const { id } = await client.verifications.start({ claimType });
  assert.equal((await client.verifications.complete(id)).status, 'pending');
  await closed.promise;
  await assert.rejects(client.relays.create({ claimType }), ClosedError);
});

test('several may close at once', async () => {
  await signLate();
  const client = sandbox.client({ store: new MapStore() });
  await client.verifications.start({ claimType });
  const close = async () => {
    await client.close();
    return billed();
  };
  assert.deepEqual(await Promise.all([close(), close(), close()]), [1, 1, 1]);
});

test('a wrong timeout closes nothing', async () => {
  const client = sandbox.client();
  await assert.rejects(client.close({ timeoutMs: 'soon' }), TypeError);
  await assert.rejects(client.close({ timeout: 1 }), TypeError);
  await assert.rejects(client.close({ timeoutMs: 0 }), InvalidArgumentError);
  assert.ok((await client.relays.create({ claimType })).relayToken);
  await client.close();
});

test('a closed client keeps no process alive', async () => {
  const { stdout } = await runModule(`
    import { RelayPass } from 'relaypass';
    const client = new RelayPass({ store: 'memory:', background: true });
    await client.verifications.recover();
    await client.close();
    console.log('closed');
  `);
  assert.match(stdout, /closed/);
});

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
