// The three steps, with an encrypted claim.
//
// Against a local sandbox, which prints the address and the key (production_api_key):
//
//     relaypass sandbox
//     RELAYPASS_BASE_URL=… RELAYPASS_API_KEY=… node examples/three_steps.mjs

import { EncryptionKey, RelayPass } from '../node/dist/index.mjs'; // in your project: 'relaypass'

const baseUrl = process.env.RELAYPASS_BASE_URL; // in production: leave it out
const claimType = 'age_over18_verified';

const client = new RelayPass({
  apiKey: process.env.RELAYPASS_API_KEY,
  baseUrl,
  decryptionKey: await EncryptionKey.generate(), // in production: made once, and kept
});

// 1. Open a session for the visitor. Names nobody.
const relay = await client.relays.create({ claimType });
// 2. Buy a pass. Names you, but not the visitor; the only call that is billed.
const { privacyPassToken } = await client.relays.issuePrivacyPass({ claimType });
await visitorVerifies(relay.relayToken);
// 3. Redeem the pass for the claim. Names nobody.
const { claim } = await client.relays.generateClaim({
  relayToken: relay.relayToken,
  relaySecret: relay.relaySecret,
  privacyPassToken,
  claimType,
});
console.log(claim?.passed ? 'passed' : 'failed');

/** In life the visitor does this in a browser, on Persona's page; here the sandbox is told. */
async function visitorVerifies(relayToken) {
  const answer = await fetch(`${baseUrl}/_sandbox/relays/${relayToken}/finish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ result: 'passed' }),
  });
  if (!answer.ok) {
    throw new Error(`the sandbox refuses: ${answer.status}`);
  }
}
