// The peer in Node, written by hand: fetch and @cloudflare/blindrsa-ts.
//   peer.mjs pass BITS                microseconds for blind + finalize of one pass
//   peer.mjs flows COUNT CONCURRENCY  whole flows
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { RSABSSA } from '@cloudflare/blindrsa-ts';

const suite = RSABSSA.SHA384.PSS.Deterministic();
const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' };
const sha256 = (text) => createHash('sha256').update(text).digest();
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

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

async function post(path, body, headers = {}) {
  const response = await fetch(process.env.RELAYPASS_BASE_URL + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function flow() {
  const claimType = 'age_over18_verified';
  const relay = await post('/api/privacy/v1/relays', {
    'claim-type': claimType,
    'encryption-key-pem': null,
    sandbox: true,
  });
  const issued = await post('/api/privacy/v1/relays/challenge', {
    'claim-type': claimType,
    sandbox: true,
  });
  const challengeText = Buffer.from(issued.challenge, 'base64url').toString();
  const key = await webcrypto.subtle.importKey(
    'spki',
    Buffer.from(issued['token-key'], 'base64url'),
    algorithm,
    true,
    ['verify'],
  );
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
    { authorization: `Bearer ${process.env.RELAYPASS_API_KEY}` },
  );
  const signature = await suite.finalize(
    key,
    message,
    Buffer.from(signed['blind-sig'], 'base64url'),
    inv,
  );
  const pass = base64url(
    `{"token_nonce":"${nonce}","signature":"${base64url(signature)}",` +
      `"key_id":"${issued['token-key-id']}","challenge":${challengeText}}`,
  );
  const answer = await post(
    `/api/privacy/v1/relays/${relay['relay-token']}/generate-claim`,
    {},
    { authorization: `PrivateToken token=${pass}`, 'persona-relay-secret': relay['relay-secret'] },
  );
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
