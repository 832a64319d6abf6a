// The packed artifact, installed where users install it: an empty project, without a network.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { check, run } from './support/run.mjs';
import { startSandbox } from './support/sandbox.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(PACKAGE, 'node_modules', '.bin', 'tsc');

let sandbox;
let project;
let packed;
before(async () => {
  sandbox = await startSandbox();
  project = mkdtempSync(join(tmpdir(), 'relaypass-package-'));
  const npm = (args, cwd) => check('npm', [...args, '--loglevel=error'], { cwd });
  [packed] = JSON.parse(await npm(['pack', '--json', '--pack-destination', project], PACKAGE));
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }\n');
  await npm(['install', '--offline', join(project, packed.filename)], project);
});
after(async () => {
  rmSync(project, { recursive: true });
  await sandbox.stop();
});

function write(name, text) {
  writeFileSync(join(project, name), text);
}

const FLOW = `
async function main() {
  const client = new RelayPass({ apiKey: process.argv[2], baseUrl: process.argv[3] });
  const claimType = 'age_over18_verified';
  const relay = await client.relays.create({ claimType });
  const pass = await client.relays.issuePrivacyPass({ claimType });
  const { claim } = await client.relays.generateClaim({ ...relay, ...pass, claimType });
  console.log(claim?.passed);
}
main();
`;

for (const [name, line] of [
  ['flow.mjs', "import { RelayPass } from 'relaypass';"],
  ['flow.cjs', "const { RelayPass } = require('relaypass');"],
]) {
  test(`${name} runs`, async () => {
    write(name, line + FLOW);
    const stdout = await check(process.execPath, [name, sandbox.apiKey, sandbox.url], {
      cwd: project,
    });
    assert.equal(stdout, 'true\n');
  });
}

for (const [name, line] of [
  ['suite.mjs', "import { checkStore } from 'relaypass/testing';"],
  ['suite.cjs', "const { checkStore } = require('relaypass/testing');"],
]) {
  test(`${name} finds what a store does wrong`, async () => {
    write(
      name,
      `${line}
      const store = { load: () => null, compareAndSwap: () => false, scan: () => [] };
      checkStore(store).catch(({ name, rule }) => console.log(name, rule));`,
    );
    const stdout = await check(process.execPath, [name], { cwd: project });
    assert.match(stdout, /^StoreViolation A swap .* must be done/);
  });
}

const PACKED = [
  /^(package\.json|README\.md|LICENSE-(APACHE|MIT))$/,
  /^dist\/[a-z]+(\.d)?\.m?[jt]s$/,
  /^native\/relaypass\.[a-z0-9-]+\.node$/,
];

test('it holds the built package and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  assert.deepEqual(
    paths.filter((path) => !PACKED.some((pattern) => pattern.test(path))),
    [],
  );
  assert.equal(paths.filter((path) => path.startsWith('native/')).length, 1);
  const { dependencies = {} } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  assert.deepEqual(dependencies, {});
});

const CONSUMER = `
import { EncryptionKey, RelayPass, openClaim } from 'relaypass';
import { PermissionDeniedError, RelayPassError, StoreError } from 'relaypass';
import type { Completion, RelayPassEvent, RelayStore, StoreRecord, Verification } from 'relaypass';
import { StoreViolation, checkStore } from 'relaypass/testing';
import type { StoreReport } from 'relaypass/testing';
import type { Claim, ErrorCode, RelayPassOptions } from 'relaypass';

const options: RelayPassOptions = { apiKey: process.env.KEY, environment: 'sandbox' };
const client = new RelayPass(options);
async function main(signal: AbortSignal): Promise<Claim | null> {
  const key: EncryptionKey = await EncryptionKey.generate(2048);
  const relay = await client.relays.create({ claimType: 'a', encryptionKey: key }, { signal });
  const pass = await client.relays.issuePrivacyPass({ claimType: 'a' }, { timeoutMs: 5 });
  // @ts-expect-error a relay's token alone binds nothing
  client.relays.issuePrivacyPass({ relayToken: 'a' });
  // @ts-expect-error an option that does not exist
  new RelayPass({ api_key: 'a' });
  // @ts-expect-error results are read-only
  relay.relaySecret = 'a';
  // @ts-expect-error keys are generated or read
  new EncryptionKey();
  try {
    const generated = await client.relays.generateClaim({ ...relay, ...pass, decryptionKey: key });
    return generated.claim ?? openClaim({ claimPayload: generated.claimPayload });
  } catch (error) {
    if (error instanceof PermissionDeniedError) {
      const code: 'permission_denied' = error.code;
      console.log(code);
    }
    if (error instanceof RelayPassError) {
      const code: ErrorCode = error.code;
      console.log(code, error.status?.toFixed(), error.rateLimit?.resetSeconds, error.cause);
      const { idempotencyKey } = error;
      const again = await client.relays.generateClaim({ ...relay, ...pass, idempotencyKey });
      return again.claim;
    }
    return null;
  }
}
main(new AbortController().signal);

class MyStore implements RelayStore {
  readonly #records = new Map<string, StoreRecord>();
  load(key: string): StoreRecord | undefined {
    return this.#records.get(key);
  }
  async compareAndSwap(key: string, expected: number | null, next: StoreRecord | null) {
    const swapped = (this.#records.get(key)?.version ?? null) === expected;
    const value = Buffer.from(next?.value ?? []);
    if (swapped && next !== null) this.#records.set(key, { ...next, value });
    return swapped;
  }
  async scan(prefix: string, dueBefore: number | null, limit: number): Promise<string[]> {
    return dueBefore === null ? [...this.#records.keys()].slice(0, limit) : [prefix];
  }
}

async function durable(signal: AbortSignal): Promise<boolean> {
  const kinds: RelayPassEvent['kind'][] = [];
  const store = new MyStore();
  const client = new RelayPass({
    store,
    sealKey: [new Uint8Array(32), Buffer.alloc(32)],
    storeTimeoutMs: 5,
    passBinding: 'relay',
    purchaseWindowMs: 60_000,
    passPool: 3,
    background: true,
    onEvent: (event) => kinds.push(event.kind),
  });
  new RelayPass({ store: 'memory:', sealKey: Buffer.alloc(32) });
  // @ts-expect-error a store has three methods
  new RelayPass({ store: { load() {} } });
  // @ts-expect-error a text is no key
  new RelayPass({ sealKey: 'a' });
  // @ts-expect-error a claim type is needed
  client.verifications.start({ reference: 'a' });
  const started: Verification = await client.verifications.start({ claimType: 'a' }, { signal });
  const completion: Completion = await client.verifications.complete(started.id, { reissue: true });
  switch (completion.status) {
    case 'passed':
    case 'failed':
      return completion.claim.passed;
    case 'pending': {
      const none: null = completion.claim;
      console.log(none, started.expiresAt.getTime(), started.hostedUrl?.length);
      break;
    }
    case 'expired':
      break;
    default: {
      const never: never = completion;
      console.log(never);
    }
  }
  await client.verifications.forget(started.id, { timeoutMs: 5 });
  const driven: number = await client.verifications.recover();
  const bought: number = await client.passes.prefetch({ claimType: 'a', count: driven });
  try {
    const report: StoreReport = await checkStore(store, { reopen: () => new MyStore() });
    console.log(report.passed.length, bought);
  } catch (error) {
    if (error instanceof StoreViolation) console.log(error.rule, error.found, error.cause);
    if (error instanceof StoreError) console.log(error.cause);
  }
  return (await client.passes.count({ claimType: 'a' })) > 0;
}
durable(new AbortController().signal);
`;

for (const [name, module, moduleResolution] of [
  ['consumer.mts', 'nodenext', 'nodenext'],
  ['consumer.cts', 'nodenext', 'nodenext'],
  ['consumer.ts', 'esnext', 'bundler'],
]) {
  test(`TypeScript finds the types: ${name}, ${moduleResolution}`, async () => {
    mkdirSync(join(project, 'node_modules', '@types'), { recursive: true });
    for (const types of ['node', '../undici-types']) {
      const link = join(project, 'node_modules', '@types', types);
      symlinkSync(join(PACKAGE, 'node_modules', '@types', types), link, 'junction');
    }
    try {
      write(name, CONSUMER);
      write(
        'tsconfig.json',
        JSON.stringify({
          compilerOptions: {
            module,
            moduleResolution,
            target: 'es2022',
            types: ['node'],
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: false,
            noEmit: true,
          },
          files: [name],
        }),
      );
      await check(TSC, ['--project', project]);
    } finally {
      for (const types of ['node', '../undici-types']) {
        rmSync(join(project, 'node_modules', '@types', types));
      }
    }
  });
}

test('an addon that does not load says why, and what to do', async () => {
  const installed = join(project, 'node_modules', 'relaypass');
  const broken = mkdtempSync(join(tmpdir(), 'relaypass-broken-'));
  try {
    await check('cp', ['-r', join(installed, 'dist'), join(installed, 'package.json'), broken]);
    const load = () => run(process.execPath, ['-e', `require(${JSON.stringify(broken)})`]);

    const missing = await load();
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /no native addon for .*: the package @relaypass\/[\w-]+ is not installed/s);
    assert.match(missing.stderr, /npm install @relaypass\//);

    mkdirSync(join(broken, 'native'));
    const addon = packed.files.find(({ path }) => path.endsWith('.node')).path;
    writeFileSync(join(broken, addon), 'not an addon');
    const damaged = await load();
    assert.notEqual(damaged.code, 0);
    assert.match(
      damaged.stderr,
      /cannot load its native addon on .*: .*(too short|invalid ELF|mach-o|image)/is,
    );
    assert.match(damaged.stderr, /\[cause\]/);
  } finally {
    rmSync(broken, { recursive: true });
  }
});

test('an addon that may not be loaded names the flag that allows it', async () => {
  const installed = JSON.stringify(join(project, 'node_modules', 'relaypass'));
  const known = process.allowedNodeEnvironmentFlags;
  const permission = known.has('--permission') ? '--permission' : '--experimental-permission';
  for (const flags of [[permission, '--allow-fs-read=*'], ['--no-addons']]) {
    const refused = await run(process.execPath, [...flags, '-e', `require(${installed})`]);
    assert.notEqual(refused.code, 0, flags[0]);
    assert.match(refused.stderr, /may not load its native addon/, flags[0]);
    assert.match(refused.stderr, /--allow-addons/, flags[0]);
    assert.doesNotMatch(refused.stderr, /damaged/, flags[0]);
  }
});

test('the lock file names no registry', () => {
  const lock = readFileSync(join(PACKAGE, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"|https?:\/\/registry/);
});
