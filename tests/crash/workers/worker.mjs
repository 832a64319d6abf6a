// A process that works on verifications, as a server of a user's would: told what to do by lines of
// JSON on its standard input, answering by lines of JSON, several commands at once.
//
// It says {"ready": true} when it begins its first command.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { RelayPass, RelayPassError } from '../../../node/dist/index.mjs';

const claimType = 'age_over18_verified';

class Worker {
  events = [];

  constructor(store) {
    this.client = openClient(store, { onEvent: (event) => this.events.push(event.kind) });
  }

  async answer({ number, do: name, ...command }) {
    say({ number, ...(await this[name](command).catch(failure)) });
  }

  /** A whole verification, the visitor's part included; or what another worker left of it. */
  verify({ reference }) {
    return verify(this.client, reference);
  }

  async start({ reference }) {
    const { id, hostedUrl } = await this.client.verifications.start({ claimType, reference });
    return { id, hosted_url: hostedUrl };
  }

  async visit({ hosted_url: hostedUrl }) {
    await visit(hostedUrl);
    return {};
  }

  async complete({ id }) {
    const { status } = await this.client.verifications.complete(id);
    return { status };
  }

  async recover() {
    return { driven: await this.client.verifications.recover() };
  }

  /** The kinds of the events so far. */
  async told() {
    return { events: this.events };
  }

  /** A whole verification on a store of its own whose nth call goes wrong. */
  broken({ how, nth }) {
    return verifyOnBrokenStore(how, nth);
  }
}

async function verify(client, reference) {
  const { id, hostedUrl } = await client.verifications.start({ claimType, reference });
  await visit(hostedUrl);
  const { status } = await client.verifications.complete(id);
  return { id, status };
}

/** The visitor passes the check. Somebody whose work is continued may have done so before. */
async function visit(hostedUrl) {
  const answer = await fetch(hostedUrl, { method: 'POST', body: 'result=passed' });
  await answer.text();
  if (answer.status >= 500) {
    throw new Error(`the hosted page answers ${answer.status}`);
  }
}

/** A store in memory whose nth call goes wrong, before or after it did what was asked. */
class BrokenStore {
  calls = 0;
  fired = null;
  error = new Error('the store is broken');
  records = new Map();

  constructor(how, nth) {
    [this.what, this.when] = how.split(' ');
    this.nth = nth;
  }

  load(key) {
    return this.#call('load', () => this.records.get(key) ?? null);
  }

  compareAndSwap(key, expected, next) {
    return this.#call('compareAndSwap', () => {
      if ((this.records.get(key)?.version ?? null) !== expected) {
        return false;
      }
      if (next === null) {
        this.records.delete(key);
      } else {
        this.records.set(key, next);
      }
      return true;
    });
  }

  scan(prefix, dueBefore, limit) {
    return this.#call('scan', () =>
      [...this.records]
        .filter(([key]) => key.startsWith(prefix))
        .filter(([, { dueAt }]) => dueBefore === null || (dueAt !== null && dueAt <= dueBefore))
        .sort(([a, one], [b, other]) => one.dueAt - other.dueAt || (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([key]) => key),
    );
  }

  async #call(name, good) {
    this.calls += 1;
    // A lie about something else than a swap would be a wrong type.
    const isAbout = this.what !== 'lies' || name === 'compareAndSwap';
    if (this.calls < this.nth || this.fired !== null || !isAbout) {
      return good();
    }
    this.fired = name;
    if (this.when === 'after') {
      good();
    }
    switch (this.what) {
      case 'throws':
        throw this.error;
      case 'hangs':
        return new Promise(() => {});
      case 'lies':
        return this.when === 'before';
      default:
        return Symbol('of the wrong type');
    }
  }
}

async function verifyOnBrokenStore(how, nth) {
  const store = new BrokenStore(how, nth);
  const client = openClient(store, { storeTimeoutMs: 2_000 });
  const failures = [];
  let status = 'never';
  let started;
  // Asked again as a user would who keeps the id, a few times only.
  for (let attempt = 0; attempt < 5 && status === 'never'; attempt += 1) {
    try {
      started ??= await client.verifications.start({ claimType, reference: 'the-one' });
      await visit(started.hostedUrl);
      ({ status } = await client.verifications.complete(started.id));
    } catch (error) {
      failures.push({ code: failure(error).error, is_own: error.cause === store.error });
      if (error.code === 'not_found') {
        started = undefined;
      }
    }
  }
  const keys = [...store.records.keys()];
  const verifications = keys.filter((key) => key.startsWith('verification/')).length;
  return { fired: store.fired, failures, verifications, status };
}

function openClient(store, options) {
  const sealKey = process.env.RELAYPASS_SEAL_KEY;
  return new RelayPass({
    apiKey: process.env.RELAYPASS_API_KEY,
    baseUrl: process.env.RELAYPASS_BASE_URL,
    store,
    sealKey: sealKey ? Buffer.from(sealKey, 'hex') : undefined,
    ...options,
  });
}

/** The built-in store, or, with `example+` before it, the example that a user would copy. */
async function openStore(url) {
  if (!url.startsWith('example+')) {
    return url;
  }
  const { PgStore } = await import('../../../examples/stores/pg_store.mjs');
  const { Pool } = createRequire(new URL('../../../node/package.json', import.meta.url))('pg');
  return new PgStore(new Pool({ connectionString: url.slice('example+'.length), max: 4 }));
}

function failure(error) {
  if (!(error instanceof RelayPassError)) {
    throw error;
  }
  return { error: error.code, message: error.message };
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const worker = new Worker(await openStore(process.env.RELAYPASS_STORE));
const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (answers.length === 0) {
    say({ ready: true });
  }
  answers.push(worker.answer(JSON.parse(line)));
}
await Promise.all(answers);
process.exit(); // a pool of an example would keep the process alive
