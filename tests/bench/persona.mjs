// Persona Relay written by hand, for the peers: fetch, which keeps its connections open, and
// @cloudflare/blindrsa-ts.
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { RSABSSA } from '@cloudflare/blindrsa-ts';

export const suite = RSABSSA.SHA384.PSS.Deterministic();

const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' };
const sha256 = (text) => createHash('sha256').update(text).digest();
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** What Persona answered instead of what was asked for. */
export class Refusal extends Error {
  constructor(status, body) {
    super(`Persona answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** Step 1: creates a relay. */
export function createRelay({ claimType, encryptionKeyPem = null, sandbox }) {
  return post('/api/privacy/v1/relays', {
    'claim-type': claimType,
    'encryption-key-pem': encryptionKeyPem,
    sandbox,
  });
}

/** Step 2: buys a pass. */
export async function issuePrivacyPass({ claimType, sandbox, apiKey }) {
  const issued = await post('/api/privacy/v1/relays/challenge', {
    'claim-type': claimType,
    sandbox,
  });
  const challengeText = Buffer.from(issued.challenge, 'base64url').toString();
  const key = await publicKey(issued['token-key-id'], issued['token-key']);
  const nonce = randomBytes(32).toString('hex');
  const message = suite.prepare(
    Buffer.concat([
      Buffer.from([0, 2]),
      sha256(nonce),
      sha256(JSON.parse(challengeText).mac),
      sha256(issued['token-key-id']),
    ]),
  );
  const { blindedMsg, inv } = await suite.blind(key, message);
  const signed = await post(
    '/api/v1/privacy-passes',
    { 'blinded-token': base64url(blindedMsg), 'key-id': issued['token-key-id'] },
    { authorization: `Bearer ${apiKey}` },
  );
  const blindSignature = Buffer.from(signed['blind-sig'], 'base64url');
  const signature = await suite.finalize(key, message, blindSignature, inv);
  return base64url(
    `{"token_nonce":"${nonce}","signature":"${base64url(signature)}",` +
      `"key_id":"${issued['token-key-id']}","challenge":${challengeText}}`,
  );
}

/** Step 3: redeems a pass for the claim. */
export function generateClaim({ relayToken, relaySecret, privacyPassToken }) {
  return post(
    `/api/privacy/v1/relays/${relayToken}/generate-claim`,
    {},
    {
      authorization: `PrivateToken token=${privacyPassToken}`,
      'persona-relay-secret': relaySecret,
    },
  );
}

// Read once for each key: every challenge brings the same one.
const publicKeys = new Map();

function publicKey(id, spki) {
  const name = `${id} ${spki}`;
  if (!publicKeys.has(name)) {
    const der = Buffer.from(spki, 'base64url');
    publicKeys.set(name, webcrypto.subtle.importKey('spki', der, algorithm, true, ['verify']));
  }
  return publicKeys.get(name);
}

async function post(path, body, headers = {}) {
  const response = await fetch(process.env.RELAYPASS_BASE_URL + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Refusal(response.status, await response.text());
  return response.json();
}
