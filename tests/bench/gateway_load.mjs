// Callers of a gateway, ours or the peer's.
//   gateway_load.mjs flows COUNT CLIENTS  whole flows by so many clients at once
//   gateway_load.mjs idle CONNECTIONS     connections that are open, have asked once, and are silent
//
// GATEWAY_URL and GATEWAY_PID say which; RELAYPASS_BASE_URL is the sandbox that it asks, and
// RELAYPASS_API_KEY the key that the callers show. CPU and memory are those of the process
// GATEWAY_PID alone, so that what the callers cost is no part of them. Prints JSON.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { randomUUID } from 'node:crypto';

const { GATEWAY_URL, GATEWAY_PID, RELAYPASS_BASE_URL, RELAYPASS_API_KEY } = process.env;
const claimType = 'age_over18_verified';
// There a person has to finish each relay; in the sandbox environment everybody has passed.
const isProduction = RELAYPASS_API_KEY.startsWith('persona_production_');
const sandbox = !isProduction;
// Until connections are open and the peer's code is compiled.
const WARM_UP = 64;
const PATIENCE = 60_000;

let agent;

/** One call, and how long it took in milliseconds. */
function post(url, body, headers = {}) {
  const bytes = Buffer.from(JSON.stringify(body));
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      agent,
      timeout: PATIENCE,
      headers: { 'content-type': 'application/json', 'content-length': bytes.length, ...headers },
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${PATIENCE} ms`)));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const took = performance.now() - started;
        const { pathname } = new URL(url);
        const where = pathname.startsWith('/relays/') ? 'a relay' : pathname;
        if (response.statusCode >= 300) reject(new Error(`${where}: ${response.statusCode}`));
        else resolve({ took, answer: JSON.parse(Buffer.concat(chunks)) });
      });
    });
    request.end(bytes);
  });
}

const create = () => post(`${GATEWAY_URL}/relays`, { 'claim-type': claimType, sandbox });

const buy = (idempotencyKey) =>
  post(
    `${GATEWAY_URL}/relays/privacy-passes`,
    { 'claim-type': claimType, sandbox },
    { authorization: `Bearer ${RELAYPASS_API_KEY}`, 'idempotency-key': idempotencyKey },
  );

const redeem = (relay, pass) =>
  post(
    `${GATEWAY_URL}/relays/${relay['relay-token']}/redeem`,
    { 'privacy-pass-token': pass },
    { 'persona-relay-secret': relay['relay-secret'] },
  );

async function finish(relay) {
  const path = `/_sandbox/relays/${relay['relay-token']}/finish`;
  await post(RELAYPASS_BASE_URL + path, { result: 'passed' });
}

async function flow(times) {
  const created = await create();
  const bought = await buy(randomUUID());
  if (isProduction) await finish(created.answer);
  const redeemed = await redeem(created.answer, bought.answer['privacy-pass-token']);
  const { 'claim-payload': payload, 'token-consumed': isConsumed } = redeemed.answer;
  if (JSON.parse(payload).claim_result !== 'passed' || !isConsumed) throw new Error('not passed');
  times?.create.push(created.took);
  times?.pass.push(bought.took);
  times?.redeem.push(redeemed.took);
}

/** Both sides promise the same: a call that is repeated is answered as before. */
async function checkThatRepeatingIsFree() {
  const { answer: relay } = await create();
  const key = randomUUID();
  const passes = [(await buy(key)).answer, (await buy(key)).answer];
  if (isProduction) await finish(relay);
  const pass = passes[0]['privacy-pass-token'];
  const claims = [(await redeem(relay, pass)).answer, (await redeem(relay, pass)).answer];
  for (const [first, second] of [passes, claims]) {
    if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error('done twice');
  }
}

async function inParallel(count, clients, work) {
  let left = count;
  const client = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function measureFlows(count, clients) {
  agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  await checkThatRepeatingIsFree();
  await inParallel(WARM_UP, clients, () => flow());
  const times = { create: [], pass: [], redeem: [] };
  const [cpu, own, started] = [cpuSeconds(GATEWAY_PID), process.cpuUsage(), performance.now()];
  await inParallel(count, clients, () => flow(times));
  const seconds = (performance.now() - started) / 1000;
  const callers = process.cpuUsage(own);
  const all = [...times.create, ...times.pass, ...times.redeem];
  return {
    // With the one that was repeated.
    asked: count + WARM_UP + 1,
    flows: count,
    seconds,
    cpu_seconds: cpuSeconds(GATEWAY_PID) - cpu,
    callers_cpu_seconds: (callers.user + callers.system) / 1e6,
    rss_mib: memory('VmRSS'),
    peak_mib: memory('VmHWM'),
    // What one flow waits for the gateway, its three calls together.
    flow_milliseconds: all.reduce((sum, took) => sum + took, 0) / count,
    endpoints: Object.fromEntries(
      Object.entries(times).map(([name, took]) => {
        took.sort((a, b) => a - b);
        const at = (part) => took[Math.min(took.length - 1, Math.floor(part * took.length))];
        return [name, { p50: at(0.5), p99: at(0.99) }];
      }),
    ),
  };
}

async function measureIdle(count) {
  const before = memory('VmRSS');
  const sockets = [];
  await inParallel(count, 100, async () => sockets.push(await silent()));
  // It still works for those who ask.
  agent = new http.Agent();
  await create();
  const rss = memory('VmRSS');
  const open = sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  for (const socket of sockets) socket.destroy();
  if (open !== count) throw new Error(`only ${open} of ${count} connections stayed open`);
  return { connections: open, before_mib: before, rss_mib: rss };
}

/** A connection that has asked once: one that never asked may cost less. */
function silent() {
  const { hostname, port } = new URL(GATEWAY_URL);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port) }, () => {
      socket.write('GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n');
    });
    socket.once('data', () => resolve(socket));
    socket.on('error', reject);
  });
}

/** User and system time of a process, all its threads together, in ticks of 10 ms. */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memory(name) {
  const status = readFileSync(`/proc/${GATEWAY_PID}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)[1]) / 1024;
}

const [what, ...numbers] = process.argv.slice(2);
const [count, clients] = numbers.map(Number);
const result = what === 'idle' ? await measureIdle(count) : await measureFlows(count, clients);
console.log(JSON.stringify(result));
process.exit(0);
