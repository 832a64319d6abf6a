// How a process and its worker threads end: not kept alive by an idle client, kept alive by a call,
// never crashed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { runModule } from './support/run.mjs';
import { startSandbox } from './support/sandbox.mjs';
import { startSilentServer } from './support/silent-server.mjs';

const WORKERS = 12; // of each kind; with a borrowed object the first ones crash

let sandbox;
let silent;
let slow;
before(async () => {
  [sandbox, silent, slow] = await Promise.all([
    startSandbox(),
    startSilentServer(),
    startSilentServer({ hangUpAfterMs: 50 }),
  ]);
});
after(async () => {
  silent.stop();
  slow.stop();
  await sandbox.stop();
});

async function endsWell(source, ...args) {
  const { code, signal, stdout, stderr } = await runModule(source, ...args);
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  return stdout;
}

test('an idle client lets the process end, before and after calls', async () => {
  const started = performance.now();
  const stdout = await endsWell(
    `
    import { RelayPass } from 'relaypass';
    const client = new RelayPass({ baseUrl: process.argv[1] });
    globalThis.idle = new RelayPass();
    const { relayToken } = await client.relays.create({ claimType: 'age_over18_verified' });
    globalThis.client = client;
    console.log(typeof relayToken);
    `,
    sandbox.url,
  );
  assert.equal(stdout, 'string\n');
  // A pool keeps idle connections for a minute and more; the process does not wait for them.
  assert.ok(performance.now() - started < 10_000);
});

test('a pending call keeps the process alive till its end', async () => {
  await sandbox.reset();
  await sandbox.faults({ step: 'create', fault: 'delay', milliseconds: 300 });
  const stdout = await endsWell(
    `
    import { RelayPass } from 'relaypass';
    new RelayPass({ baseUrl: process.argv[1] }).relays
      .create({ claimType: 'age_over18_verified' })
      .then(({ relayToken }) => console.log(typeof relayToken));
    `,
    sandbox.url,
  );
  assert.equal(stdout, 'string\n');
});

test('process.exit with calls in flight is no crash', async () => {
  await endsWell(
    `
    import { RelayPass } from 'relaypass';
    const { relays } = new RelayPass({ baseUrl: process.argv[1] });
    for (let i = 0; i < 20; i += 1) {
      relays.create({ claimType: 'age_over18_verified' });
    }
    setTimeout(() => process.exit(0), 20);
    `,
    silent.url,
  );
});

// A worker's objects are freed when it ends; its calls may go on, for the main thread has the addon
// too. Here they are answered late and asked again, so that a call which borrowed from one of those
// objects would go on with freed memory.
for (const [how, end, endings] of [
  ['is terminated', `parentPort.postMessage('in flight');`, ['in flight', 1]],
  ['calls process.exit', `process.exit(0);`, [0]],
  ['throws', `throw new Error('on purpose');`, ['on purpose', 1]],
]) {
  test(`a worker thread that ${how} with calls in flight is no crash`, async () => {
    const worker = `
      import { parentPort, workerData } from 'node:worker_threads';
      import { EncryptionKey, RelayPass } from 'relaypass';
      const { signal } = new AbortController();
      const claimType = 'age_over18_verified';
      for (let i = 0; i < 4; i += 1) {
        const { relays } = new RelayPass({ apiKey: 'persona_sandbox_a', baseUrl: workerData });
        relays.create({ claimType }, { signal }).catch(() => {});
        relays.issuePrivacyPass({ claimType }).catch(() => {});
      }
      EncryptionKey.generate();
      setTimeout(() => { ${end} }, 30);
    `;
    const stdout = await endsWell(
      `
      import { Worker } from 'node:worker_threads';
      import { RelayPass } from 'relaypass';
      const [worker, sandbox, slow] = process.argv.slice(1);
      const claimType = 'age_over18_verified';
      let started = 0;
      const ends = new Set();
      async function runWorkers() {
        while (started < ${WORKERS}) {
          started += 1;
          const thread = new Worker(worker, { eval: true, workerData: slow });
          thread.once('message', (message) => { ends.add(message); thread.terminate(); });
          thread.once('error', (error) => ends.add(error.message));
          ends.add(await new Promise((resolve) => thread.once('exit', resolve)));
          // The main thread goes on undisturbed.
          await new RelayPass({ baseUrl: sandbox }).relays.create({ claimType });
        }
      }
      await Promise.all([runWorkers(), runWorkers(), runWorkers()]);
      // As long as the last worker's calls may take.
      const { relays } = new RelayPass({ baseUrl: slow });
      await Promise.allSettled(Array.from({ length: 20 }, () => relays.create({ claimType })));
      console.log(JSON.stringify([...ends]));
      `,
      worker,
      sandbox.url,
      slow.url,
    );
    assert.deepEqual(JSON.parse(stdout), endings);
  });
}
