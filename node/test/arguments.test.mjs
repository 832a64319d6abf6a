// What programs without TypeScript get wrong: said at once, by name, and never with the value.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EncryptionKey, RelayPass, openClaim } from 'relaypass';

const client = new RelayPass();
const claimType = 'age_over18_verified';
const id = crypto.randomUUID();
const redeem = { relayToken: 'token', relaySecret: 'secret', privacyPassToken: 'pass' };

function namesArgument(name) {
  return (error) => {
    assert.ok(error instanceof TypeError, String(error));
    assert.match(error.message, new RegExp(`\\b${name}\\b`));
    assert.doesNotMatch(error.message, /canary/);
    return true;
  };
}

const OPTIONS = {
  apiKey: ['canary'],
  baseUrl: new URL('https://canary.example'),
  environment: 1,
  timeoutMs: '10',
  retries: 1.5,
  caPem: Buffer.from('canary'),
  anonymousProxy: 1,
  identifiedProxy: {},
  decryptionKey: Buffer.from('canary'),
  encryptionForm: 1,
  store: 1,
  storeTimeoutMs: '10',
  sealKey: 'canary',
  passBinding: 1,
  purchaseWindowMs: '1',
  passPool: '1',
  privacy: 1,
  isolation: 1,
  background: 1,
  onEvent: 'canary',
};
for (const [name, value] of Object.entries(OPTIONS)) {
  test(`new RelayPass: ${name} of the wrong type`, () => {
    assert.throws(() => new RelayPass({ [name]: value }), namesArgument(name));
  });
}

test('new RelayPass: a proxy of a list of the wrong type', () => {
  const anonymousProxy = ['http://127.0.0.1:1', { href: 'canary' }];
  assert.throws(() => new RelayPass({ anonymousProxy }), namesArgument('anonymousProxy'));
});

test('new RelayPass: no proxy in a list of them is no direct connection', () => {
  for (const anonymousProxy of [[], [''], ' , ']) {
    assert.throws(() => new RelayPass({ anonymousProxy }), { code: 'invalid_argument' });
  }
});

test('new RelayPass: a seal key of the wrong type', () => {
  for (const sealKey of [
    'canary'.repeat(6),
    [],
    [1],
    new Uint16Array(32),
    new ArrayBuffer(32),
  ]) {
    assert.throws(() => new RelayPass({ sealKey }), namesArgument('sealKey'));
  }
});

test('new RelayPass: a pool or a time out of range', () => {
  const store = 'memory:';
  for (const passPool of [-1, 1001, 2 ** 32, 2 ** 53]) {
    assert.throws(() => new RelayPass({ store, passPool }), { code: 'invalid_argument' });
  }
  for (const purchaseWindowMs of [-1, NaN, Infinity, 1_200_001]) {
    assert.throws(() => new RelayPass({ store, purchaseWindowMs }), { code: 'invalid_argument' });
  }
  for (const storeTimeoutMs of [0, -1, NaN, Infinity, 600_001]) {
    assert.throws(() => new RelayPass({ store, storeTimeoutMs }), { code: 'invalid_argument' });
  }
  assert.throws(() => new RelayPass({ store, passBinding: 'canary' }), {
    code: 'invalid_argument',
  });
  for (const needsStore of [{ background: true }, { passPool: 1 }]) {
    assert.throws(() => new RelayPass(needsStore), { code: 'invalid_argument' });
  }
});

test('new RelayPass: an option that does not exist is not silently off', () => {
  assert.throws(() => new RelayPass({ api_key: 'canary' }), namesArgument('api_key'));
  assert.throws(() => new RelayPass('canary'), namesArgument('options'));
  assert.throws(() => new RelayPass(['canary']), namesArgument('options'));
});

test('null is as good as left out, wherever something may be left out', async () => {
  const options = Object.keys(OPTIONS).map((name) => [name, null]);
  await new RelayPass({ ...Object.fromEntries(options) }).close(null);
  await new RelayPass(null).close({ timeoutMs: null });
  assert.match((await EncryptionKey.generate(null)).publicKeyPem, /PUBLIC KEY/);
  const claimPayload = '{"claim_type":"a","claim_result":"passed"}';
  const claim = openClaim({ claimPayload, decryptionKey: null, claimType: null });
  assert.equal(claim.passed, true);
  // None of these gets as far as the network: an aborted signal ends it, or the store.
  const closed = new RelayPass({ store: 'memory:' });
  await closed.close();
  const refused = { code: 'closed' };
  const { relays, verifications, passes } = closed;
  const none = { signal: null, timeoutMs: null };
  for (const given of [null, none]) {
    const created = { claimType, encryptionKey: null };
    await assert.rejects(relays.create(created, given), refused);
    const bound = { claimType, relayToken: null, relaySecret: null };
    await assert.rejects(relays.issuePrivacyPass(bound, given), refused);
    await assert.rejects(verifications.start({ claimType, reference: null, theme: null }, given), refused);
    await assert.rejects(verifications.complete(id, given), refused);
    await assert.rejects(verifications.complete(id, { ...given, reissue: null }), refused);
    await assert.rejects(verifications.get(id, { ...given, theme: null }), refused);
    await assert.rejects(verifications.forget(id, given), refused);
    await assert.rejects(verifications.recover(given), refused);
    await assert.rejects(verifications.prune(given), refused);
    await assert.rejects(verifications.createTable(given), refused);
    await assert.rejects(passes.prefetch({ claimType, count: 1 }, given), refused);
    await assert.rejects(passes.count({ claimType }, given), refused);
    await assert.rejects(closed.privacyReport(given), refused);
    const optional = { claimType: null, decryptionKey: null, idempotencyKey: null };
    await assert.rejects(relays.generateClaim({ ...redeem, ...optional }, given), (error) =>
      // The pass is looked at first.
      ['closed', 'invalid_argument'].includes(error.code),
    );
  }
});

test('rows of a database and earlier results are passed as they are', async () => {
  const row = { claimType, order_id: 5, created: new Date(), encryptionKey: null };
  const closed = new RelayPass({ store: 'memory:' });
  await closed.close();
  await assert.rejects(closed.relays.create(row), { code: 'closed' });
  await assert.rejects(closed.verifications.start(row), { code: 'closed' });
  await assert.rejects(closed.passes.count(row), { code: 'closed' });
  const claimPayload = '{"claim_type":"a","claim_result":"passed"}';
  assert.equal(openClaim({ claimPayload, tokenConsumed: true, claim: null }).passed, true);
});

for (const [method, args, wrong] of [
  ['create', { claimType }, { claimType: 5, encryptionKey: Buffer.from('canary') }],
  ['issuePrivacyPass', { claimType }, { claimType: [], relayToken: 1, relaySecret: 2n }],
  [
    'generateClaim',
    redeem,
    {
      relayToken: undefined,
      relaySecret: Buffer.from('canary'),
      privacyPassToken: null,
      claimType: 1,
      decryptionKey: {},
      idempotencyKey: 1,
    },
  ],
]) {
  for (const [name, value] of Object.entries(wrong)) {
    test(`${method}: ${name} of the wrong type`, async () => {
      await assert.rejects(client.relays[method]({ ...args, [name]: value }), namesArgument(name));
    });
  }

  test(`${method}: arguments and options that do not exist`, async () => {
    const call = client.relays[method].bind(client.relays);
    await assert.rejects(call(), namesArgument(method));
    await assert.rejects(call('canary'), namesArgument(method));
    await assert.rejects(call(args, { timeout: 5 }), namesArgument('timeout'));
    await assert.rejects(call(args, { timeoutMs: '5' }), namesArgument('timeoutMs'));
    await assert.rejects(call(args, { signal: {} }), namesArgument('signal'));
    const clinging = { aborted: false, addEventListener() {} };
    await assert.rejects(call(args, { signal: clinging }), {
      message: 'signal must be an AbortSignal',
    });
  });
}

const stored = new RelayPass({ store: 'memory:' });
for (const [name, call, wrong] of [
  [
    'start',
    (args, options) => stored.verifications.start({ claimType, ...args }, options),
    { claimType: 5, reference: 5, theme: 5 },
  ],
  [
    'prefetch',
    (args, options) => stored.passes.prefetch({ claimType, count: 1, ...args }, options),
    { claimType: 5, count: '1' },
  ],
  [
    'count',
    (args, options) => stored.passes.count({ claimType, ...args }, options),
    { claimType: 5 },
  ],
]) {
  test(`${name}: arguments and options of the wrong type`, async () => {
    for (const [argument, value] of Object.entries(wrong)) {
      await assert.rejects(call({ [argument]: value }), namesArgument(argument));
    }
    await assert.rejects(call({}, { timeout: 5 }), namesArgument('timeout'));
    await assert.rejects(call({}, { timeoutMs: '5' }), namesArgument('timeoutMs'));
  });
}

for (const method of ['complete', 'get', 'forget']) {
  test(`${method}: arguments and options of the wrong type`, async () => {
    const call = stored.verifications[method].bind(stored.verifications);
    await assert.rejects(call(), namesArgument('id'));
    await assert.rejects(call({ id }), namesArgument('id'));
    await assert.rejects(call(id, { timeout: 5 }), namesArgument('timeout'));
    await assert.rejects(call(id, { signal: {} }), namesArgument('signal'));
    // Such an id was never returned: whoever has it from a URL is told what he is told of any other.
    for (const wrong of ['', 'canary', id.toUpperCase(), `${id}\0`]) {
      await assert.rejects(call(wrong), (error) => {
        assert.equal(error.code, 'not_found');
        assert.doesNotMatch(error.message, /canary/);
        return true;
      });
    }
  });
}

test('complete: reissue of the wrong type', async () => {
  const wrong = stored.verifications.complete(id, { reissue: 1 });
  await assert.rejects(wrong, namesArgument('reissue'));
});

test('recover: options of the wrong type', async () => {
  await assert.rejects(stored.verifications.recover({ limit: 5 }), namesArgument('limit'));
});

test('EncryptionKey and openClaim: wrong types', async () => {
  await assert.rejects(EncryptionKey.generate('2048'), namesArgument('bits'));
  await assert.rejects(EncryptionKey.generate(2048.5), namesArgument('bits'));
  assert.throws(() => EncryptionKey.fromPem(Buffer.from('canary')), namesArgument('privatePem'));
  assert.throws(() => openClaim({ claimPayload: {} }), namesArgument('claimPayload'));
  assert.throws(() => openClaim(), namesArgument('openClaim'));
});

test('numbers out of range stay out of range on their way to the core', async () => {
  for (const bits of [-2048, 0, 1024, 2 ** 32 + 2048, 2 ** 53]) {
    await assert.rejects(EncryptionKey.generate(bits), { code: 'invalid_argument' });
  }
  for (const retries of [-1, 11, 2 ** 32, 2 ** 53, -(2 ** 53)]) {
    assert.throws(() => new RelayPass({ retries }), { code: 'invalid_argument' });
  }
});

test('a signal of another realm or a polyfill is a signal', async () => {
  const signal = Object.assign(new EventTarget(), { aborted: true, reason: new Error('mine') });
  await assert.rejects(client.relays.create({ claimType }, { signal }), { message: 'mine' });
});
