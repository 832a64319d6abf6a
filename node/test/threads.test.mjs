// Which threads the package has, and when they work. They are counted where Linux shows them.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { runModule } from './support/run.mjs';

const TASKS = '/proc/self/task';
const here = { skip: existsSync(TASKS) ? false : `no ${TASKS} here` };

const HELPERS = `
  import { readdirSync, readFileSync } from 'node:fs';
  const read = (task, file) => readFileSync('${TASKS}/' + task + '/' + file, 'utf8');
  const threads = () => readdirSync('${TASKS}').filter((task) => read(task, 'comm') === 'relaypass\\n');
  const wakes = () => threads()
    .map((task) => Number(/^voluntary_ctxt_switches:\\s*(\\d+)/m.exec(read(task, 'status'))[1]))
    .reduce((sum, one) => sum + one, 0);
`;

async function says(source) {
  const { code, signal, stdout, stderr } = await runModule(HELPERS + source);
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

test('no thread starts before the first call, and then at most four workers', here, async () => {
  const [loaded, made, called] = await says(`
    const counts = [];
    const { RelayPass } = await import('relaypass');
    counts.push(threads().length);
    const client = new RelayPass({ store: 'memory:' });
    counts.push(threads().length);
    await client.relays.create({ claimType: 'age_over18_verified' }, { timeoutMs: 0 }).catch(() => {});
    // Nothing of it blocks: the threads are the workers.
    counts.push(threads().length);
    console.log(JSON.stringify(counts));
  `);
  assert.deepEqual([loaded, made], [0, 0]);
  assert.ok(called >= 1 && called <= 4, called);
});

test('a call that need not wait wakes no thread', here, async () => {
  const woken = await says(`
    import { RelayPass } from 'relaypass';
    const client = new RelayPass({ store: 'memory:' });
    const call = () => client.passes.count({ claimType: 'age_over18_verified' });
    await call();
    // The runtime's threads come to rest.
    let before;
    do {
      before = wakes();
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (wakes() !== before);
    for (let round = 0; round < 1000; round += 1) await call();
    console.log(wakes() - before);
  `);
  // A thread may look around by itself; each call woke one, otherwise.
  assert.ok(woken < 50, woken);
});

test('a worker thread that alone loaded the addon ends, and its runtime lives on', here, async () => {
  const ends = await says(`
    import { Worker } from 'node:worker_threads';
    const worker = \`
      import { RelayPass } from 'relaypass';
      new RelayPass({ store: 'memory:' }).passes.count({ claimType: 'age_over18_verified' });
    \`;
    const ends = [];
    for (let round = 0; round < 3; round += 1) {
      const thread = new Worker(worker, { eval: true });
      ends.push(await new Promise((resolve) => thread.once('exit', resolve)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log(JSON.stringify(ends));
  `);
  assert.deepEqual(ends, [0, 0, 0]);
});
