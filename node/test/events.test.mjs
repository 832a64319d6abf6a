// onEvent: it is told, it cannot do harm, and it keeps nobody alive.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';

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

/** Two events: a person who has not finished is asked about twice. */
async function askTwice(onEvent) {
  const { verifications } = sandbox.client({ store: new MapStore(), onEvent });
  const { id } = await verifications.start({ claimType });
  assert.equal((await verifications.complete(id)).status, 'pending');
  assert.equal((await verifications.complete(id)).status, 'pending');
  // The last event may be a turn later than the result.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return id;
}

test('an event says what happened to which verification, and is frozen', async () => {
  const events = [];
  const id = await askTwice((event) => events.push(event));
  const pending = events.filter(({ kind }) => kind === 'pending');
  assert.ok(pending.length >= 1, JSON.stringify(events));
  for (const event of pending) {
    assert.deepEqual(Object.keys(event), ['kind', 'verificationId', 'requestId', 'message']);
    assert.equal(event.verificationId, id);
    assert.match(event.requestId, /^req_/);
    assert.match(event.message, /\w+ \w+/);
    assert.ok(Object.isFrozen(event));
  }
});

test('AsyncLocalStorage: an event is told where its call was made', async () => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  await storage.run('mine', () => askTwice(() => seen.push(storage.getStore())));
  assert.ok(seen.length >= 1);
  assert.deepEqual([...new Set(seen)], ['mine']);
});

test('AsyncLocalStorage: so is one of a purchase that keeps nothing', async () => {
  await sandbox.post('faults', {
    faults: [{ step: 'sign', fault: 'status', status: 500, stored: true }],
  });
  const storage = new AsyncLocalStorage();
  const seen = [];
  const onEvent = ({ kind }) => seen.push([kind, storage.getStore()]);
  const { relays } = sandbox.client({ onEvent });
  await storage.run('mine', () => relays.issuePrivacyPass({ claimType }));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.deepEqual(seen, [['possible_double_charge', 'mine']]);
});

for (const [how, onEvent] of Object.entries({
  throws: () => {
    throw new Error('of the listener');
  },
  rejects: async () => {
    throw new Error('of the listener');
  },
})) {
  test(`onEvent that ${how} costs nothing but one warning`, async () => {
    const warned = [];
    const listen = (warning) => warned.push(warning);
    process.on('warning', listen);
    try {
      const first = once(process, 'warning');
      let told = 0;
      await askTwice((event) => {
        told += 1;
        return onEvent(event);
      });
      await askTwice(() => {});
      await first;
      await new Promise(setImmediate);
      assert.ok(told >= 2, String(told));
      assert.equal(warned.length, 1);
      assert.equal(warned[0].name, 'RelayPassWarning');
      assert.equal(warned[0].code, 'RELAYPASS_ON_EVENT');
      assert.match(warned[0].detail, /of the listener[^]*events\.test\.mjs/);
    } finally {
      process.off('warning', listen);
    }
  });
}

test('a listener lets the process end, with all events told', async () => {
  const { code, stdout, stderr } = await runModule(
    `
    import { RelayPass } from 'relaypass';
    import { MapStore } from './test/support/stores.mjs';
    const [baseUrl, apiKey] = process.argv.slice(1);
    let told = 0;
    const onEvent = ({ kind }) => { told += kind === 'pending' };
    const client = new RelayPass({ store: new MapStore(), onEvent, apiKey, baseUrl });
    process.on('exit', () => console.log(told > 0));
    const { id } = await client.verifications.start({ claimType: 'age_over18_verified' });
    await client.verifications.complete(id);
    `,
    sandbox.url,
    sandbox.productionApiKey,
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'true\n', stderr: '' });
});
