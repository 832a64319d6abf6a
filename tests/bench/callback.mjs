// What a store in JavaScript adds to a call of it. Prints JSON: microseconds for each store.

import { RelayPass } from '../../node/dist/index.mjs';

/** As little work of its own as can be. */
class MapStore {
  records = new Map();

  load(key) {
    return this.records.get(key) ?? null;
  }

  compareAndSwap(key, expected, next) {
    if ((this.records.get(key)?.version ?? null) !== expected) return false;
    if (next === null) this.records.delete(key);
    else this.records.set(key, next);
    return true;
  }

  scan() {
    return [];
  }
}

async function micros(store) {
  const { RELAYPASS_API_KEY: apiKey, RELAYPASS_BASE_URL: baseUrl } = process.env;
  const client = new RelayPass({ apiKey, baseUrl, store });
  const { id } = await client.verifications.start({ claimType: 'age_over18_verified' });
  const { status } = await client.verifications.complete(id);
  if (status !== 'passed') throw new Error(status);
  const rounds = 20_000;
  for (let round = 0; round < rounds; round += 1) await client.verifications.get(id);
  const began = process.hrtime.bigint();
  for (let round = 0; round < rounds; round += 1) await client.verifications.get(id);
  return Number(process.hrtime.bigint() - began) / rounds / 1e3;
}

console.log(JSON.stringify({ builtin: await micros('memory:'), host: await micros(new MapStore()) }));
