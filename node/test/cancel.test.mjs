// Taking calls back: by signal and by time.

import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { after, before, test } from 'node:test';

import { RelayPass, RequestTimeoutError } from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';
import { startSilentServer } from './support/silent-server.mjs';

const claimType = 'age_over18_verified';

let sandbox;
let silent;
before(async () => {
  [sandbox, silent] = await Promise.all([startSandbox(), startSilentServer()]);
});
after(async () => {
  silent.stop();
  await sandbox.stop();
});

test('an aborted call is rejected with the AbortError of its signal and hangs up', async () => {
  const client = new RelayPass({ baseUrl: silent.url });
  const controller = new AbortController();
  const asked = silent.asked();
  const call = client.relays.create({ claimType }, { signal: controller.signal });
  const connection = await asked;
  const closed = once(connection, 'close');
  controller.abort();
  await assert.rejects(call, (reason) => {
    assert.equal(reason, controller.signal.reason);
    assert.equal(reason.name, 'AbortError');
    return true;
  });
  await closed;
});

test('a signal takes back all calls that it was given to', async () => {
  const client = new RelayPass({ baseUrl: silent.url });
  const controller = new AbortController();
  const { signal } = controller;
  const calls = Array.from({ length: 20 }, () => client.relays.create({ claimType }, { signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  await silent.asked();
  controller.abort();
  for (const { status, reason } of await Promise.allSettled(calls)) {
    assert.equal(status, 'rejected');
    assert.equal(reason, signal.reason);
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('an aborted call is rejected with the reason that the caller gave', async () => {
  const client = new RelayPass({ baseUrl: silent.url });
  const controller = new AbortController();
  const asked = silent.asked();
  const call = client.relays.create({ claimType }, { signal: controller.signal });
  await asked;
  const reason = { mine: true };
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
});

test('AbortSignal.timeout rejects with its TimeoutError', async () => {
  const client = new RelayPass({ baseUrl: silent.url });
  const call = client.relays.create({ claimType }, { signal: AbortSignal.timeout(50) });
  await assert.rejects(call, { name: 'TimeoutError', constructor: DOMException });
});

test('with a signal that is aborted already nothing is sent', async () => {
  await sandbox.reset();
  const signal = AbortSignal.abort();
  const { relays } = sandbox.client();
  for (const call of [
    relays.create({ claimType }, { signal }),
    relays.issuePrivacyPass({ claimType }, { signal }),
    relays.generateClaim(
      { relayToken: 'token', relaySecret: 'secret', privacyPassToken: 'pass' },
      { signal },
    ),
  ]) {
    await assert.rejects(call, (reason) => reason === signal.reason);
  }
  assert.deepEqual((await sandbox.get('requests')).requests, []);
});

test('a signal may serve a thousand calls and is left as it was', async () => {
  const warnings = [];
  const warned = (warning) => warnings.push(warning.name);
  process.on('warning', warned);
  const client = sandbox.client();
  const { signal } = new AbortController();
  for (let batch = 0; batch < 10; batch += 1) {
    await Promise.all(
      Array.from({ length: 100 }, () => client.relays.create({ claimType }, { signal })),
    );
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
});

test('a call that is over is not changed by its signal', async () => {
  const controller = new AbortController();
  const relay = await sandbox.client().relays.create({ claimType }, controller);
  controller.abort();
  assert.ok(relay.relayToken);
});

test('a signal that fails when it is left does not cost the result', async () => {
  const signal = Object.assign(new EventTarget(), {
    aborted: false,
    removeEventListener() {
      throw new Error('not implemented');
    },
  });
  const { relays } = sandbox.client();
  for (let call = 0; call < 2; call += 1) {
    assert.ok((await relays.create({ claimType }, { signal })).relayToken);
  }
});

test('an aborted redemption is asked for again under the key that it was given', async () => {
  await sandbox.reset();
  const { relays } = sandbox.client();
  const relay = await relays.create({ claimType });
  const pass = await relays.issuePrivacyPass({ claimType });
  const withNewKey = () => ({ ...relay, ...pass, idempotencyKey: crypto.randomUUID() });
  await assert.rejects(relays.generateClaim(withNewKey()), { code: 'permission_denied' });
  await sandbox.finish(relay.relayToken);
  const redemption = withNewKey();

  await sandbox.faults({ step: 'redeem', fault: 'delay', milliseconds: 60_000 });
  const controller = new AbortController();
  const aborted = assert.rejects(relays.generateClaim(redemption, controller), {
    name: 'AbortError',
  });
  for (let asked = 0; asked < 1_000 && (await sandbox.ledger()).redeemed === 0; asked += 1);
  controller.abort();
  await aborted;

  const { claim } = await relays.generateClaim(redemption);
  assert.equal(claim.passed, true);
  const { redeemed, double_spends } = await sandbox.ledger();
  assert.deepEqual({ redeemed, double_spends }, { redeemed: 1, double_spends: 0 });
});

test("timeoutMs limits one call, the client's own every request", async () => {
  for (const [options, callOptions] of [
    [{ timeoutMs: 60_000 }, { timeoutMs: 50 }],
    [{ timeoutMs: 50, retries: 0 }, {}],
  ]) {
    const client = new RelayPass({ baseUrl: silent.url, ...options });
    const call = client.relays.create({ claimType }, callOptions);
    await assert.rejects(call, RequestTimeoutError);
  }
});

test('a timeout that is no time is an invalid argument', async () => {
  const client = sandbox.client();
  for (const timeoutMs of [0, -1, NaN, Infinity, 86_400_000]) {
    await assert.rejects(client.relays.create({ claimType }, { timeoutMs }), {
      code: 'invalid_argument',
    });
  }
});
