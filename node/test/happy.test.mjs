// The three steps as a person would write them, through both doors of the package.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, beforeEach, test } from 'node:test';

import * as esm from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';

const cjs = createRequire(import.meta.url)('relaypass');
const claimType = 'age_over18_verified';

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

for (const [door, { RelayPass, EncryptionKey }] of Object.entries({ esm, cjs })) {
  test(`${door}: a person passes, encrypted, for one billed pass`, async () => {
    const client = new RelayPass({
      apiKey: sandbox.productionApiKey,
      baseUrl: sandbox.url,
      decryptionKey: await EncryptionKey.generate(),
    });
    assert.equal(client.environment, 'production');
    const relay = await client.relays.create({ claimType });
    const pass = await client.relays.issuePrivacyPass({ claimType });
    await sandbox.finish(relay.relayToken);
    const generated = await client.relays.generateClaim({ ...relay, ...pass, claimType });

    assert.equal(generated.tokenConsumed, true);
    assert.equal(generated.claim.passed, true);
    assert.equal(generated.claim.claimType, claimType);
    assert.equal(generated.claim.claimResult, 'passed');
    assert.equal(typeof generated.claim.methodology[0].method, 'string');
    assert.match(generated.requestId, /^req_/);
    assert.equal(typeof generated.rateLimit.resetSeconds, 'number');
    const { billed, redeemed, double_spends } = await sandbox.ledger();
    assert.deepEqual(
      { billed, redeemed, double_spends },
      { billed: 1, redeemed: 1, double_spends: 0 },
    );
  });
}

test('both doors lead to the same classes', () => {
  assert.deepEqual(Object.keys(esm).filter(ownName), Object.keys(cjs).filter(ownName).sort());
  for (const name of Object.keys(cjs).filter(ownName)) {
    assert.equal(esm[name], cjs[name], name);
  }
});

test('a claim kept closed is opened later', async () => {
  const key = await esm.EncryptionKey.generate();
  const client = sandbox.client();
  const relay = await client.relays.create({ claimType, encryptionKey: key });
  const pass = await client.relays.issuePrivacyPass({ claimType });
  await sandbox.finish(relay.relayToken, 'failed');
  const { claim, claimPayload } = await client.relays.generateClaim({ ...relay, ...pass });
  assert.equal(claim, null);

  for (const decryptionKey of [key, key.privateKeyPem]) {
    const opened = esm.openClaim({ claimPayload, decryptionKey, claimType });
    assert.equal(opened.passed, false);
    assert.equal(opened.claimResult, 'failed');
  }
});

test('a key survives its PEM', async () => {
  const key = await esm.EncryptionKey.generate(3072);
  const again = esm.EncryptionKey.fromPem(key.privateKeyPem);
  assert.equal(again.publicKeyPem, key.publicKeyPem);
  assert.equal(again.privateKeyPem, key.privateKeyPem);
  assert.match(key.publicKeyPem, /^-----BEGIN PUBLIC KEY-----/);
});

test('a private authority is trusted if it is given, and only then', async () => {
  const secure = await startSandbox('--tls');
  try {
    const trusting = secure.client({ caPem: secure.caPem });
    assert.ok((await trusting.relays.create({ claimType })).relayToken);
    const wary = secure.client({ retries: 0 });
    await assert.rejects(wary.relays.create({ claimType }), esm.NetworkError);
  } finally {
    await secure.stop();
  }
});

test('64 flows at once', async () => {
  const client = sandbox.client();
  const passed = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const [relay, pass] = await Promise.all([
        client.relays.create({ claimType }),
        client.relays.issuePrivacyPass({ claimType }),
      ]);
      await sandbox.finish(relay.relayToken);
      const { claim } = await client.relays.generateClaim({ ...relay, ...pass, claimType });
      return claim.passed;
    }),
  );
  assert.deepEqual(passed, Array(64).fill(true));
  const { billed, redeemed, double_spends } = await sandbox.ledger();
  assert.deepEqual(
    { billed, redeemed, double_spends },
    { billed: 64, redeemed: 64, double_spends: 0 },
  );
});

function ownName(name) {
  return !['default', 'module.exports', '__esModule'].includes(name);
}
