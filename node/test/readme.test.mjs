// The README's examples, run as printed.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { check } from './support/run.mjs';
import { startSandbox } from './support/sandbox.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
const EXAMPLES = [...README.matchAll(/^```js\n(.*?)^```$/gms)].map(([, source]) => source);

let sandbox;
let project;
before(async () => {
  sandbox = await startSandbox();
  project = mkdtempSync(join(tmpdir(), 'relaypass-readme-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(PACKAGE, join(project, 'node_modules', 'relaypass'), 'junction');
});
after(async () => {
  rmSync(project, { recursive: true });
  await sandbox.stop();
});

function runExample(source) {
  const file = join(project, 'example.mjs');
  writeFileSync(file, source);
  const env = {
    ...process.env,
    RELAYPASS_API_KEY: sandbox.apiKey,
    RELAYPASS_BASE_URL: sandbox.url,
    RELAYPASS_STORE: `sqlite://${project}/relaypass.db`,
    RELAYPASS_SEAL_KEY: randomBytes(32).toString('base64'),
  };
  return check(process.execPath, [file], { env });
}

test('there are three examples', () => assert.equal(EXAMPLES.length, 3));

test('the three steps', async () => {
  assert.equal(await runExample(EXAMPLES[0]), 'over 18\n');
});

test('durable verifications', async () => {
  // In Persona's sandbox environment everybody passes at once.
  const ask =
    'const { id } = await begin(7); console.log((await begin(7)).id === id, await end(id));';
  const [event, answer] = (await runExample(EXAMPLES[1] + ask)).trimEnd().split('\n');
  // Whoever passes at once is asked about before the pass is bought.
  assert.match(event, /^linkable_by_time /);
  assert.equal(answer, 'true passed');
});

test('errors', async () => {
  await sandbox.reset();
  const client = sandbox.client();
  const claimType = 'age_over18_verified';
  const relay = await client.relays.create({ claimType });
  const pass = await client.relays.issuePrivacyPass({ claimType });
  const session = JSON.stringify({ ...relay, ...pass });

  const ask = `${EXAMPLES[2]}\nconsole.log((await claimOf(${session}))?.passed ?? 'not yet');`;
  assert.equal(await runExample(ask), 'not yet\n');
  await sandbox.finish(relay.relayToken);
  assert.equal(await runExample(ask), 'true\n');
});
