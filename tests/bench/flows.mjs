// Whole flows with the Node package. Usage: flows.mjs COUNT CONCURRENCY WARMUP [stalls]; prints JSON.
// With stalls, stall_ms: the longest time in which the event loop did not get to a timer that was due; idle_stall_ms
// the same in a second without flows, which is the machine's part of it.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { RelayPass } from '../../node/dist/index.mjs';

const [count, concurrency, warmup] = process.argv.slice(2, 5).map(Number);
const looksForStalls = process.argv[5] === 'stalls';
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

// Milliseconds. The timer is set for one of them.
async function worstStall(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  if (looksForStalls) delay.enable();
  await work();
  delay.disable();
  return delay.max / 1e6 - 1;
}

async function measure(count) {
  left = count;
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const stall = await worstStall(() => Promise.all(Array.from({ length: concurrency }, worker)));
  const cpu = process.cpuUsage(cpuBefore);
  return {
    flows: count,
    seconds: (performance.now() - started) / 1000,
    cpu_seconds: (cpu.user + cpu.system) / 1e6,
    stall_ms: stall,
  };
}

await measure(warmup);
const result = await measure(count);
if (looksForStalls) result.idle_stall_ms = await worstStall(() => sleep(1000));
console.log(JSON.stringify(result));
