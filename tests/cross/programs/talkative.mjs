// The three steps, by a program that logs all it gets: results, clients, keys and errors, in every
// way that Node has to print them. Its own secrets go to the file SECRETS.

import { writeFileSync } from 'node:fs';
import { format, inspect } from 'node:util';

import { EncryptionKey, RelayPass, RelayPassError } from '../../../node/dist/index.mjs';

const { RELAYPASS_API_KEY: apiKey, RELAYPASS_BASE_URL: baseUrl, SANDBOX_URL, VISITOR } = process.env;
const claimType = 'age_over18_verified';

function show(thing) {
  console.log(thing);
  console.error('%s %o %O', thing, thing, thing);
  console.log(inspect({ thing }, { depth: 9, showHidden: true }), `${thing}`);
  console.log(format('%s %j', [thing], { code: thing?.code }));
}

function showError(error) {
  show(error);
  console.log(error.stack, error.toString(), JSON.stringify(error.toJSON?.() ?? error.message));
  for (const name of ['code', 'operation', 'title', 'details', 'meta', 'requestId', 'cause']) {
    show(error[name]);
  }
}

async function makeKey() {
  const key = await EncryptionKey.generate();
  writeFileSync(process.env.SECRETS, JSON.stringify(key.privateKeyPem.split('\n')));
  return key;
}

async function visitorVerifies(relayToken) {
  const answer = await fetch(`${SANDBOX_URL}/_sandbox/relays/${relayToken}/finish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ result: VISITOR }),
  });
  if (!answer.ok) {
    throw new Error(`the sandbox refuses: ${answer.status}`);
  }
}

async function threeSteps(key) {
  const client = new RelayPass({ apiKey, baseUrl, decryptionKey: key });
  show(client);
  show(client.relays);
  const relay = await client.relays.create({ claimType });
  show(relay);
  const pass = await client.relays.issuePrivacyPass({ claimType });
  show(pass);
  await visitorVerifies(relay.relayToken);
  show(await client.relays.generateClaim({ ...relay, ...pass }));
}

// Secrets where they do not belong: the complaint must not repeat them.
async function misuse(key) {
  const options = { apiKey, baseUrl };
  const relays = new RelayPass(options).relays;
  const pem = key.privateKeyPem;
  for (const wrong of [
    () => new RelayPass({ ...options, apiKey: `${apiKey}\nx` }),
    () => new RelayPass({ ...options, environment: apiKey }),
    () => new RelayPass({ ...options, baseUrl: `http://${apiKey}@127.0.0.1` }),
    () => new RelayPass({ ...options, baseUrl: `x${apiKey}` }),
    () => new RelayPass({ ...options, identifiedProxy: `ftp://${apiKey}@127.0.0.1` }),
    () => new RelayPass({ ...options, decryptionKey: pem.slice(0, -40) }),
    () => new RelayPass({ ...options, caPem: pem }),
    () => new RelayPass({ ...options, timeoutMs: apiKey }),
    () => relays.create({ claimType, encryptionKey: pem }),
    () => relays.create({ claimType: `${apiKey} ` }),
    () => relays.create({ claimType }, { signal: apiKey }),
    () =>
      relays.generateClaim({
        relayToken: `${apiKey} `,
        relaySecret: `${apiKey} `,
        privacyPassToken: apiKey,
      }),
    () => relays.generateClaim({ relayToken: 'a', relaySecret: 'a', privacyPassToken: apiKey }),
    () => relays.generateClaim({ relayToken: 'a', relaySecret: `${apiKey} `, privacyPassToken: 'a' }),
  ]) {
    let accepted = true;
    try {
      await wrong();
    } catch (error) {
      accepted = false;
      showError(error);
    }
    if (accepted) {
      throw new Error('a misuse is accepted');
    }
  }
}

const key = await makeKey();
show(key);
await misuse(key);
try {
  await threeSteps(key);
} catch (error) {
  if (error instanceof RelayPassError) {
    showError(error);
  }
  throw error;
}
