// Every code has its class, and an error says all it knows except secrets.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';

import * as relaypass from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';

const require = createRequire(import.meta.url);
const { call } = require('../dist/cancel.js');
const { makeError } = require('../dist/errors.js');
const { native } = require('../dist/native.js');
const { EncryptionKey, RelayPass, RelayPassError, openClaim } = relaypass;
const claimType = 'age_over18_verified';

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const CLASSES = {
  invalid_argument: 'InvalidArgumentError',
  authentication: 'AuthenticationError',
  permission_denied: 'PermissionDeniedError',
  not_found: 'NotFoundError',
  conflict: 'ConflictError',
  unprocessable: 'UnprocessableError',
  rate_limited: 'RateLimitedError',
  server_error: 'ServerError',
  timeout: 'RequestTimeoutError',
  network: 'NetworkError',
  protocol: 'ProtocolError',
  pass_rejected: 'PassRejectedError',
  pass_expired: 'PassExpiredError',
  decryption: 'DecryptionError',
  claim_mismatch: 'ClaimMismatchError',
  privacy_refused: 'PrivacyRefusedError',
  store: 'StoreError',
  outcome_unknown: 'OutcomeUnknownError',
  closed: 'ClosedError',
  cancelled: 'CancelledError',
  internal: 'InternalError',
};

test('every code of the core has one class, and no class is left over', () => {
  const errors = native.exampleErrors().map(makeError);
  assert.deepEqual(
    errors.map(({ code }) => code),
    Object.keys(CLASSES),
  );
  for (const error of errors) {
    const name = CLASSES[error.code];
    assert.equal(error.constructor, relaypass[name], error.code);
    assert.ok(error instanceof RelayPassError && error instanceof Error, name);
    assert.equal(error.name, name);
    assert.equal(error.constructor.code, error.code);
    assert.equal(error.operation, 'example');
    assert.equal(error.retryable, false);
    assert.match(error.message, new RegExp(`an example of ${error.code}`));
    assert.ok(error.stack.startsWith(`${name}: ${error.message}\n`), error.stack);
    for (const member of [
      'status',
      'title',
      'details',
      'meta',
      'requestId',
      'rateLimit',
      'claimPayload',
      'tokenConsumed',
      'idempotencyKey',
    ]) {
      assert.equal(error[member], null, `${name}.${member}`);
    }
  }
  const exported = Object.keys(relaypass)
    .filter((name) => name.endsWith('Error'))
    .sort();
  assert.deepEqual(exported, [...Object.values(CLASSES), 'RelayPassError'].sort());
});

for (const [when, panic] of Object.entries({
  'in a call': (token) => native.panic(token),
  'after it': (token) => native.panicWhenAnswered(token),
})) {
  test(`a panic ${when} is an internal error that does not repeat it`, async () => {
    const error = await thrownBy(() => call(undefined, panic));
    assert.equal(error.code, 'internal');
    assert.equal(error.constructor, relaypass.InternalError);
    assert.doesNotMatch(inspect(error, { showHidden: true, depth: 9 }), /canary/);
  });
}

test('an error carries what Persona said, and a stack that leads to the caller', async () => {
  const client = new RelayPass({
    apiKey: 'persona_production_canary',
    baseUrl: sandbox.url,
  });
  const error = await thrownBy(async function theCallersOwnFunction() {
    await client.relays.issuePrivacyPass({ claimType });
  });
  assert.equal(error.code, 'authentication');
  assert.equal(error.status, 401);
  assert.equal(error.operation, 'relays.issue_privacy_pass');
  assert.equal(typeof error.title, 'string');
  assert.match(error.requestId, /^req_/);
  assert.match(error.stack, /theCallersOwnFunction/);
  assert.match(error.stack, /errors\.test\.mjs/);
  assert.doesNotMatch(inspect(error, { showHidden: true, depth: 9 }), /canary/);
});

test('an argument that is refused names the call', async () => {
  const client = new RelayPass();
  for (const [operation, call] of Object.entries({
    'relays.create': () => client.relays.create({ claimType }, { timeoutMs: 0 }),
    'relays.issue_privacy_pass': () => client.relays.issuePrivacyPass({}),
    'verifications.get': () => client.verifications.get('no id'),
    'passes.count': () => client.passes.count({ claimType: '' }),
    generate_key_pair: () => relaypass.EncryptionKey.generate(1),
    read_key_pair: async () => relaypass.EncryptionKey.fromPem(''),
  })) {
    const error = await thrownBy(call);
    assert.equal(error.code, 'invalid_argument', operation);
    assert.equal(error.operation, operation);
  }
});

test('a broken way to Persona has its cause', async () => {
  const client = new RelayPass({ baseUrl: 'http://127.0.0.1:1', retries: 0 });
  const error = await thrownBy(() => client.relays.create({ claimType }));
  assert.equal(error.code, 'network');
  assert.ok(error.cause instanceof Error);
  assert.notEqual(error.cause.message, '');
});

test('without a cause there is no member cause', () => {
  const error = thrownNowBy(() => new RelayPass({ apiKey: 'canary canary' }));
  assert.equal(error.code, 'invalid_argument');
  assert.ok(!('cause' in error));
  assert.match(error.stack, /errors\.test\.mjs/);
  assert.doesNotMatch(inspect(error), /canary/);
});

test('a claim that does not open is not lost, and does not show', async () => {
  const [right, wrong] = await Promise.all([EncryptionKey.generate(), EncryptionKey.generate()]);
  const client = sandbox.client();
  const relay = await client.relays.create({ claimType, encryptionKey: right });
  const pass = await client.relays.issuePrivacyPass({ claimType });
  await sandbox.finish(relay.relayToken);
  const error = await thrownBy(() =>
    client.relays.generateClaim({ ...relay, ...pass, decryptionKey: wrong }),
  );
  assert.equal(error.code, 'decryption');
  assert.equal(error.tokenConsumed, true);
  const claim = openClaim({ claimPayload: error.claimPayload, decryptionKey: right, claimType });
  assert.equal(claim.passed, true);
  for (const shown of [
    inspect(error, { showHidden: true, depth: 9 }),
    JSON.stringify(error),
    String(error),
    Object.entries(error).join(),
  ]) {
    assert.ok(!shown.includes(error.claimPayload.slice(0, 40)), shown);
  }
});

test("an error's key may be handed on, whether it has one or not", async () => {
  const client = sandbox.client({ retries: 0 });
  const relay = await client.relays.create({ claimType });
  const pass = await client.relays.issuePrivacyPass({ claimType });
  const unfinished = await thrownBy(() => client.relays.generateClaim({ ...relay, ...pass }));
  assert.equal(unfinished.code, 'permission_denied');
  assert.equal(unfinished.idempotencyKey, null);
  await sandbox.finish(relay.relayToken);
  await sandbox.faults({ step: 'redeem', fault: 'drop_after_commit' });
  const { idempotencyKey } = unfinished;
  const lost = await thrownBy(() =>
    client.relays.generateClaim({ ...relay, ...pass, idempotencyKey }),
  );
  assert.equal(lost.code, 'outcome_unknown');
  const again = { ...relay, ...pass, idempotencyKey: lost.idempotencyKey };
  assert.equal((await client.relays.generateClaim(again)).claim.passed, true);
});

test('a caller can make an error to test its own handling', () => {
  const error = new relaypass.RateLimitedError('slow down', { retryable: true, status: 429 });
  assert.equal(error.code, 'rate_limited');
  assert.equal(error.retryable, true);
  assert.equal(error.status, 429);
  assert.equal(error.name, 'RateLimitedError');
});

async function thrownBy(action) {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

function thrownNowBy(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}
