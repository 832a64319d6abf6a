// What a call of the Node package costs that returns at once (`passes.count` of an empty `memory:`), as JSON.
import { RelayPass } from '../../node/dist/index.mjs';

const client = new RelayPass({
  baseUrl: process.env.RELAYPASS_BASE_URL,
  apiKey: process.env.RELAYPASS_API_KEY,
  store: 'memory:',
});
const rounds = 20_000;
for (let round = 0; round < rounds; round++) await client.passes.count({ claimType: 'age_over18_verified' });
const started = performance.now();
for (let round = 0; round < rounds; round++) await client.passes.count({ claimType: 'age_over18_verified' });
console.log(JSON.stringify({ micros: ((performance.now() - started) / rounds) * 1000 }));
await client.close();
