// The peer in Node, written by hand: fetch and @cloudflare/blindrsa-ts.
//   peer.mjs pass BITS                microseconds for blind + finalize of one pass
//   peer.mjs flows COUNT CONCURRENCY  whole flows
import { randomBytes } from 'node:crypto';
import { createRelay, generateClaim, issuePrivacyPass, suite } from './persona.mjs';

async function measurePass(bits) {
  const { publicKey, privateKey } = await suite.generateKey({
    publicExponent: Uint8Array.from([1, 0, 1]),
    modulusLength: bits,
  });
  const micros = [];
  for (let round = 0; round < 18; round++) {
    const message = suite.prepare(randomBytes(98));
    let started = performance.now();
    const { blindedMsg, inv } = await suite.blind(publicKey, message);
    let spent = performance.now() - started;
    const blindSignature = await suite.blindSign(privateKey, blindedMsg);
    started = performance.now();
    await suite.finalize(publicKey, message, blindSignature, inv);
    spent += performance.now() - started;
    if (round >= 3) micros.push(spent * 1000);
  }
  micros.sort((a, b) => a - b);
  console.log(JSON.stringify({ micros: micros[micros.length >> 1] }));
}

async function flow() {
  const claimType = 'age_over18_verified';
  const relay = await createRelay({ claimType, sandbox: true });
  const apiKey = process.env.RELAYPASS_API_KEY;
  const privacyPassToken = await issuePrivacyPass({ claimType, sandbox: true, apiKey });
  const answer = await generateClaim({
    relayToken: relay['relay-token'],
    relaySecret: relay['relay-secret'],
    privacyPassToken,
  });
  if (JSON.parse(answer['claim-payload']).claim_result !== 'passed') throw new Error('not passed');
}

async function measureFlows(count, concurrency) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await flow();
  };
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

const [what, ...numbers] = process.argv.slice(2);
if (what === 'pass') await measurePass(Number(numbers[0]));
else {
  await measureFlows(...numbers.map(Number)); // warms up
  console.log(JSON.stringify(await measureFlows(...numbers.map(Number))));
}
