// Stores for tests, and servers to keep them on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A store in a `Map`: what a person would write for a test. Counts its calls by method. */
export class MapStore {
  records = new Map();
  calls = { load: 0, compareAndSwap: 0, scan: 0 };

  load(key) {
    this.calls.load += 1;
    return this.records.get(key);
  }

  compareAndSwap(key, expected, next) {
    this.calls.compareAndSwap += 1;
    if ((this.records.get(key)?.version ?? null) !== expected) {
      return false;
    }
    if (next === null) {
      this.records.delete(key);
    } else {
      this.records.set(key, next);
    }
    return true;
  }

  scan(prefix, dueBefore, limit) {
    this.calls.scan += 1;
    return [...this.records]
      .filter(([key]) => key.startsWith(prefix))
      .filter(([, { dueAt }]) => dueBefore === null || (dueAt !== null && dueAt <= dueBefore))
      .sort(([a, one], [b, other]) =>
        dueBefore !== null && one.dueAt !== other.dueAt ? one.dueAt - other.dueAt : a < b ? -1 : 1,
      )
      .slice(0, limit)
      .map(([key]) => key);
  }
}

/** A store that does what another does, a little later. */
export function later(store) {
  return {
    async load(key) {
      await sleep(1);
      return store.load(key);
    },
    async compareAndSwap(...args) {
      await sleep(1);
      return store.compareAndSwap(...args);
    },
    async scan(...args) {
      await sleep(1);
      return store.scan(...args);
    },
  };
}

const SERVICES = fileURLToPath(new URL('../../../tests/services/run', import.meta.url));

/** PostgreSQL and Redis; the URL of one that this system does not have is `null`. */
export async function startServices() {
  const child = spawn(SERVICES, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => {
      throw new Error(`${SERVICES} failed`);
    }),
  ]);
  return {
    ...JSON.parse(line),
    async stop() {
      child.stdin.end();
      if (child.exitCode === null) {
        await once(child, 'exit');
      }
    },
  };
}
