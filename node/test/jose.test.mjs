// JSON Web Keys and JWEs, held against another implementation: jose.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';

import { CompactEncrypt, compactDecrypt, importJWK, importPKCS8 } from 'jose';

import { EncryptionKey, RelayPass, openClaim } from 'relaypass';

import { startSandbox } from './support/sandbox.mjs';

const claimType = 'age_over18_verified';
const claim = JSON.stringify({ claim_type: claimType, claim_result: 'passed' });

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

function encrypt(key, header = {}) {
  return new CompactEncrypt(new TextEncoder().encode(claim))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header })
    .encrypt(key);
}

/** A key pair of WebCrypto's, as it exports them. */
async function webCryptoPair() {
  const algorithm = {
    name: 'RSA-OAEP',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['encrypt', 'decrypt']);
  const [publicJwk, privateJwk] = await Promise.all(
    [pair.publicKey, pair.privateKey].map((key) => webcrypto.subtle.exportKey('jwk', key)),
  );
  return { publicJwk, privateJwk };
}

test('what jose encrypts for a key of WebCrypto opens', async () => {
  const { publicJwk, privateJwk } = await webCryptoPair();
  assert.deepEqual(publicJwk.key_ops, ['encrypt']);
  const key = await importJWK(publicJwk, 'RSA-OAEP-256');
  for (const header of [{}, { kid: 'of-theirs' }, { typ: 'JWE', cty: 'json' }]) {
    const claimPayload = await encrypt(key, header);
    const pair = EncryptionKey.fromJwk(privateJwk);
    const named = { ...privateJwk, kid: 'of-theirs' };
    for (const decryptionKey of [privateJwk, JSON.stringify(named), pair, [pair, named]]) {
      assert.equal(openClaim({ claimPayload, decryptionKey, claimType }).passed, true);
    }
    assert.equal(pair.publicJwk.n, publicJwk.n);
  }
});

test('what jose encrypts for our key opens', async () => {
  const ours = await EncryptionKey.generate();
  const claimPayload = await encrypt(await importJWK(ours.publicJwk));
  assert.equal(openClaim({ claimPayload, decryptionKey: ours }).passed, true);
});

test('what jose can do and Persona does not is refused', async () => {
  const ours = await EncryptionKey.generate();
  for (const header of [{ alg: 'RSA-OAEP' }, { enc: 'A128GCM' }, { enc: 'A256CBC-HS512' }]) {
    const { alg = 'RSA-OAEP-256' } = header;
    const { kty, n, e } = ours.publicJwk;
    const claimPayload = await encrypt(await importJWK({ kty, n, e }, alg), header);
    assert.throws(() => openClaim({ claimPayload, decryptionKey: ours }), { code: 'decryption' });
  }
});

test('jose opens what comes for our key', async () => {
  const ours = await EncryptionKey.generate();
  const client = new RelayPass({
    apiKey: sandbox.productionApiKey,
    baseUrl: sandbox.url,
    encryptionForm: 'jwk',
  });
  const relay = await client.relays.create({ claimType, encryptionKey: ours.publicJwk });
  const pass = await client.relays.issuePrivacyPass({ claimType });
  await sandbox.finish(relay.relayToken);
  const { claim: unopened, claimPayload } = await client.relays.generateClaim({ ...relay, ...pass });
  assert.equal(unopened, null);
  const key = await importPKCS8(ours.privateKeyPem, 'RSA-OAEP-256');
  const { plaintext } = await compactDecrypt(claimPayload, key, {
    keyManagementAlgorithms: ['RSA-OAEP-256'],
    contentEncryptionAlgorithms: ['A256GCM'],
  });
  assert.equal(JSON.parse(new TextDecoder().decode(plaintext)).claim_result, 'passed');
  await client.close();
});

test('a named key is picked by its name, and keeps it', async () => {
  const { publicJwk, privateJwk } = await webCryptoPair();
  const named = EncryptionKey.fromJwk({ ...privateJwk, kid: 'of-theirs' });
  assert.equal(named.privateJwk.kid, 'of-theirs');
  const claimPayload = await encrypt(await importJWK(publicJwk, 'RSA-OAEP-256'), { kid: 'of-theirs' });
  const other = await EncryptionKey.generate();
  assert.equal(openClaim({ claimPayload, decryptionKey: [other, named] }).passed, true);
  // Another key of that name is believed, and does not open it; this one is not asked any more.
  const wrong = EncryptionKey.fromJwk({ ...other.privateJwk, kid: 'of-theirs' });
  const unnamed = EncryptionKey.fromPem(named.privateKeyPem);
  const decryptionKey = [unnamed, wrong];
  assert.throws(() => openClaim({ claimPayload, decryptionKey }), { code: 'decryption' });
});

test('a payload in another form than is said is refused', async () => {
  const ours = await EncryptionKey.generate();
  const claimPayload = await encrypt(await importJWK(ours.publicJwk));
  for (const encryptionForm of [undefined, null, 'auto', 'jwk']) {
    assert.equal(openClaim({ claimPayload, decryptionKey: ours, encryptionForm }).passed, true);
  }
  assert.throws(() => openClaim({ claimPayload, decryptionKey: ours, encryptionForm: 'pem' }), {
    code: 'claim_mismatch',
  });
});

test('the public half has five members, and none can be changed', async () => {
  const ours = await EncryptionKey.generate();
  assert.deepEqual(Object.keys(ours.publicJwk), ['kty', 'n', 'e', 'alg', 'use']);
  assert.ok(Object.isFrozen(ours.publicJwk));
});

test('a private JWK given as encryption key never leaves, and is not repeated', async () => {
  const { privateJwk } = await webCryptoPair();
  const client = new RelayPass({ baseUrl: sandbox.url });
  await assert.rejects(
    client.relays.create({ claimType, encryptionKey: privateJwk }),
    (error) => error.code === 'invalid_argument' && !error.message.includes(privateJwk.d),
  );
  await client.close();
});
