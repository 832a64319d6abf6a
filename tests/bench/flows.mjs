// Whole flows with the Node package. Usage: flows.mjs COUNT CONCURRENCY WARMUP; prints JSON.
import { RelayPass } from '../../node/dist/index.mjs';

const [count, concurrency, warmup] = process.argv.slice(2).map(Number);
const client = new RelayPass({
  baseUrl: process.env.RELAYPASS_BASE_URL,
  apiKey: process.env.RELAYPASS_API_KEY,
});
let left;

async function worker() {
  while (left-- > 0) {
    const relay = await client.relays.create({ claimType: 'age_over18_verified' });
    const issued = await client.relays.issuePrivacyPass({ claimType: 'age_over18_verified' });
    const answer = await client.relays.generateClaim({
      relayToken: relay.relayToken,
      relaySecret: relay.relaySecret,
      privacyPassToken: issued.privacyPassToken,
    });
    if (!answer.claim?.passed) throw new Error('not passed');
  }
}

async function measure(count) {
  left = count;
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const cpu = process.cpuUsage(cpuBefore);
  return {
    flows: count,
    seconds: (performance.now() - started) / 1000,
    cpu_seconds: (cpu.user + cpu.system) / 1e6,
  };
}

await measure(warmup);
console.log(JSON.stringify(await measure(count)));
