// The behaviour that all languages share: tests/scenarios, against the sandbox.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { EncryptionKey, RelayPass, RelayPassError } from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';
import { later, MapStore } from './support/stores.mjs';

const FOLDER = new URL('../../tests/scenarios/', import.meta.url);

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

for (const file of readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .sort()) {
  describe(file, () => {
    const scenarios = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));
    let passed = 0;
    for (const scenario of scenarios) {
      test(scenario.name, async () => {
        await play(scenario);
        passed += 1;
      });
    }
    // For the table at the end of `make test`.
    after(() => {
      console.log(`scenarios: node ${file.replace('.json', '')} ${passed}/${scenarios.length}`);
    });
  });
}

async function play({ client: described = {}, steps }) {
  await sandbox.reset();
  const hostStore = later(new MapStore());
  const told = [];
  const outcome = await attempt(() => makeClient(described, hostStore, told));
  compare(outcome, described.expect, 'client');
  if (described.expect?.error !== undefined) {
    return;
  }
  const saved = new Map();
  // Further clients: other processes, with the same options and the same store.
  const clients = new Map([['', outcome.result]]);
  const clientOf = ({ client: name = '', client_options: options = {} }) => {
    if (!clients.has(name)) {
      const other = layOver(described, fillIn(options, saved));
      clients.set(name, makeClient(other, hostStore, told));
    }
    return clients.get(name);
  };
  for (const [index, step] of steps.entries()) {
    const args = fillIn(step.with ?? {}, saved);
    const result = await attempt(() => perform(clientOf(step), step.do, args, told));
    compare(result, fillIn(step.expect ?? {}, saved), `step ${index}, ${step.do}`);
    if (step.save !== undefined) {
      saved.set(step.save, result.result ?? errorMembers(result.error));
    }
  }
}

function layOver(described, { environment = described.environment, ...options }) {
  return { ...described, environment, options: { ...described.options, ...options } };
}

function makeClient(described, hostStore, told) {
  const key = described.environment === 'sandbox' ? sandbox.apiKey : sandbox.productionApiKey;
  const { api_key: apiKey = key, base_url: baseUrl = sandbox.url } = described;
  const given = Object.entries(described.options ?? {})
    .filter(([, value]) => value !== null)
    // The sandbox takes what is sent to a proxy for itself.
    .map(([name, value]) => [name, name === 'anonymous_proxy' ? proxiesOf(value) : value]);
  const { timeout, purchase_window: purchaseWindow, store, seal_key: sealKey, ...options } =
    Object.fromEntries(given);
  const client = new RelayPass({
    // A client without a key has no prefix to tell the environment by.
    ...(apiKey === null ? { environment: described.environment } : { apiKey }),
    baseUrl,
    onEvent: (event) => told.push(event.kind),
    ...camelCase(options),
    // Nothing waits in scenarios, unless they say so.
    purchaseWindowMs: (purchaseWindow ?? 0) * 1_000,
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1_000 }),
    ...(store === undefined ? {} : { store: store === 'host' ? hostStore : store }),
    ...(sealKey === undefined ? {} : { sealKey: Buffer.from(sealKey, 'hex') }),
  });
  return sandbox.made(client);
}

function proxiesOf(given) {
  const ours = (proxy) => (proxy === 'sandbox' ? sandbox.url : proxy);
  return Array.isArray(given) ? given.map(ours) : ours(given);
}

async function perform(client, name, args, told) {
  switch (name) {
    case 'relays.create':
      return snakeCase(await client.relays.create(camelCase(args)));
    case 'relays.issue_privacy_pass':
      return snakeCase(await client.relays.issuePrivacyPass(camelCase(args)));
    case 'relays.generate_claim':
      return snakeCase(await client.relays.generateClaim(camelCase(args)));
    case 'verifications.start':
      return verificationMembers(await client.verifications.start(camelCase(args)));
    case 'verifications.complete': {
      const { id, ...options } = args;
      return snakeCase(await client.verifications.complete(id, options));
    }
    case 'verifications.get': {
      const { id, ...options } = args;
      return verificationMembers(await client.verifications.get(id, options));
    }
    case 'verifications.forget':
      return client.verifications.forget(args.id);
    case 'verifications.recover':
      return { driven: await client.verifications.recover() };
    case 'passes.prefetch':
      return { bought: await client.passes.prefetch(camelCase(args)) };
    case 'passes.count':
      return { count: await client.passes.count(camelCase(args)) };
    case 'privacy_report':
      return snakeCase(await client.privacyReport());
    case 'close': {
      const { timeout } = args;
      return client.close(timeout === undefined ? {} : { timeoutMs: timeout * 1_000 });
    }
    case 'events':
      for (const began = Date.now(); told.length < args.count; ) {
        assert.ok(Date.now() - began < 20_000, 'no such event is told');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return { kinds: [...told] };
    case 'generate_key': {
      const { publicKeyPem, publicJwk, privateKeyPem } = await EncryptionKey.generate(args.bits);
      return {
        public_key_pem: publicKeyPem,
        public_jwk: publicJwk,
        private_key_pem: privateKeyPem,
      };
    }
    case 'sandbox.finish':
      return sandbox.finish(args.relay_token, args.result);
    case 'sandbox.visit':
      return sandbox.visit({ hostedUrl: args.hosted_url }, args.result);
    case 'sandbox.clock':
    case 'sandbox.faults':
    case 'sandbox.settings':
      return sandbox.post(name.slice('sandbox.'.length), args);
    case 'sandbox.ledger':
    case 'sandbox.requests':
      return sandbox.get(name.slice('sandbox.'.length));
    default:
      throw new Error(`the scenario asks for ${name}, which this runner does not know`);
  }
}

function verificationMembers(verification) {
  return snakeCase({ ...verification, expiresAt: verification.expiresAt.getTime() });
}

async function attempt(action) {
  try {
    return { result: await action() };
  } catch (error) {
    if (error instanceof RelayPassError) {
      return { error };
    }
    throw error;
  }
}

/** Compares an outcome with what a scenario expects of it. */
function compare({ result, error }, expected = {}, where) {
  const { error: code, ...members } = expected;
  if (error !== undefined && code === undefined) {
    throw new Error(`${where} fails: ${error.message}`, { cause: error });
  }
  assert.equal(error?.code, code, `${where}: the error's code`);
  const actual = error === undefined ? result : errorMembers(error);
  for (const [path, value] of Object.entries(members)) {
    compareValue(lookUp(actual, path, where), value, `${where}: ${path}`);
  }
}

function compareValue(actual, expected, where) {
  if (typeof expected !== 'object' || expected === null || Array.isArray(expected)) {
    assert.deepEqual(actual, expected, where);
    return;
  }
  const [[kind, value], ...others] = Object.entries(expected);
  assert.equal(others.length, 0, `${where}: one comparison at a time`);
  switch (kind) {
    case 'type':
      assert.equal(actual === null ? 'null' : typeof actual, value, where);
      break;
    case 'contains':
      assert.ok(actual.includes(value), `${where} contains ${value}`);
      break;
    case 'not':
      assert.notDeepEqual(actual, value, where);
      break;
    case 'length':
      assert.equal(actual.length, value, where);
      break;
    default:
      throw new Error(`${where}: this runner does not know the comparison ${kind}`);
  }
}

function lookUp(value, path, where) {
  return path.split('.').reduce((inside, member) => {
    assert.ok(
      typeof inside === 'object' && inside !== null && member in inside,
      `${where} has no ${path}`,
    );
    return inside[member];
  }, value);
}

function errorMembers(error) {
  const { message, status, retryable, operation, title, details } = error;
  return {
    message,
    status,
    retryable,
    operation,
    title,
    details,
    token_consumed: error.tokenConsumed,
    claim_payload: error.claimPayload,
    idempotency_key: error.idempotencyKey,
  };
}

/** Replaces `$name` and `$name.member` by what was saved. */
function fillIn(value, saved) {
  if (typeof value === 'string' && value.startsWith('$')) {
    const [name, ...path] = value.slice(1).split('.');
    assert.ok(saved.has(name), `the scenario names ${value}, and nothing is saved as ${name}`);
    return path.length === 0 ? saved.get(name) : lookUp(saved.get(name), path.join('.'), value);
  }
  return mapMembers(value, (member) => fillIn(member, saved));
}

function camelCase(value) {
  return mapMembers(value, camelCase, (name) =>
    name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()),
  );
}

function snakeCase(value) {
  return mapMembers(value, snakeCase, (name) =>
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  );
}

function mapMembers(value, change, rename = (name) => name) {
  if (Array.isArray(value)) {
    return value.map(change);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [rename(name), change(member)]),
  );
}
