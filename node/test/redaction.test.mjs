// What is logged shows no secret; what is stored keeps every value.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { format, inspect } from 'node:util';

import { EncryptionKey, OutcomeUnknownError, RelayPass } from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';

const claimType = 'age_over18_verified';
const results = {};

let sandbox;
before(async () => {
  sandbox = await startSandbox();
  const client = sandbox.client();
  results.relay = await client.relays.create({ claimType });
  results.pass = await client.relays.issuePrivacyPass({ claimType });
  await sandbox.finish(results.relay.relayToken);
  results.generated = await client.relays.generateClaim({ ...results.relay, ...results.pass });
});
after(() => sandbox.stop());

const SECRETS = {
  relay: ['relaySecret', 'relaySessionAccessToken'],
  pass: ['privacyPassToken'],
  generated: ['claimPayload'],
};

for (const [name, secrets] of Object.entries(SECRETS)) {
  test(`${name}: inspection leaves out ${secrets.join(' and ')} and nothing else`, () => {
    const result = results[name];
    for (const shown of [
      inspect(result),
      inspect([{ result }], { depth: 9, showHidden: true, colors: true }),
      format('%o %O', result, result),
    ]) {
      for (const secret of secrets) {
        assert.ok(!shown.includes(result[secret]), secret);
        assert.ok(shown.includes(secret), secret);
      }
      assert.ok(shown.includes('[redacted]'));
      assert.ok(shown.includes(result.requestId));
    }
  });

  test(`${name}: JSON, spreading and cloning keep every value`, () => {
    const result = results[name];
    for (const kept of [
      JSON.parse(JSON.stringify(result)),
      { ...result },
      structuredClone(result),
    ]) {
      for (const secret of secrets) {
        assert.ok(result[secret].length > 10);
        assert.ok(kept[secret] === result[secret], secret);
      }
      assert.deepEqual(Object.keys(kept), Object.keys(result));
    }
  });

  test(`${name}: a result does not change`, () => {
    const result = results[name];
    assert.ok(Object.isFrozen(result));
    assert.ok(Object.isFrozen(result.rateLimit));
    assert.throws(() => {
      result.requestId = 'another';
    }, TypeError);
  });
}

test('what console.dir shows: everything in a result, as the README says', () => {
  for (const [name, secrets] of Object.entries(SECRETS)) {
    const shown = inspect(results[name], { customInspect: false, maxStringLength: null });
    for (const secret of secrets) {
      assert.ok(shown.includes(inspect(results[name][secret])), secret);
    }
  }
});

test('what console.dir shows: no secret in keys, clients and errors', async () => {
  const key = await EncryptionKey.generate();
  const client = new RelayPass({ apiKey: 'persona_sandbox_canary', decryptionKey: key });
  const error = new OutcomeUnknownError('lost', {
    claimPayload: 'canary',
    idempotencyKey: 'canary',
  });
  const shown = inspect([key, client, error], { customInspect: false, showHidden: true, depth: 9 });
  assert.doesNotMatch(shown, /canary|PRIVATE/);
  assert.ok(!shown.includes(key.privateKeyPem.split('\n')[3]));
});

test('a claim does not change', () => {
  const { claim } = results.generated;
  for (const value of [claim, claim.methodology, ...claim.methodology]) {
    assert.ok(Object.isFrozen(value));
  }
});

test('a key shows its public half only, however it is looked at', async () => {
  const key = await EncryptionKey.generate();
  const body = key.privateKeyPem.split('\n')[3];
  for (const shown of [
    inspect(key),
    inspect(key, { showHidden: true, getters: true, depth: 9 }),
    JSON.stringify(key),
    format('%o %O', key, key),
  ]) {
    assert.ok(!shown.includes(body), shown);
    assert.ok(shown.includes('PUBLIC KEY'), shown);
  }
});

test('a client shows no key, no proxy and no secret', () => {
  const client = new RelayPass({
    apiKey: 'persona_sandbox_canary',
    anonymousProxy: 'http://user:canary@127.0.0.1:1',
  });
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }), /canary/);
  assert.doesNotMatch(JSON.stringify(client), /canary/);
  assert.match(inspect(client), /sandbox/);
});

test('an encryption key shows its public half only', async () => {
  const key = await EncryptionKey.generate();
  const body = key.privateKeyPem.split('\n')[3];
  for (const shown of [inspect(key, { showHidden: true }), JSON.stringify(key), String(key)]) {
    assert.ok(!shown.includes(body));
    assert.ok(!shown.includes('PRIVATE'));
  }
  assert.match(inspect(key), /PUBLIC KEY/);
});
