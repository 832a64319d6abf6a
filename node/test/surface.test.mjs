// What the package offers, compared with what the core describes (`relaypass surface`).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as relaypass from '../dist/index.mjs';
import { CLI } from './support/sandbox.mjs';

const SURFACE = JSON.parse(execFileSync(CLI, ['surface'], { encoding: 'utf8' }));

// A key or a list of keys: one option takes both.
const RENAMED = new Map([['seal_keys', 'sealKey']]);

const TYPES = {
  text: 'string',
  whole: 'number',
  seconds: 'number',
  flag: 'boolean',
  bytes: 'Uint8Array',
  store: 'RelayStore',
  listener: '=> void',
  claim: 'Claim',
  method: 'Method',
  rate_limit: 'RateLimit',
  privacy_finding: 'PrivacyFinding',
};

// What the package has a type of its own for.
const OWN_TYPES = {
  environment: 'Environment',
  pass_binding: "'claim_type' \\| 'relay'",
  privacy: "'standard' \\| 'strict'",
  isolation: "'none' \\| 'relay'",
  anonymous_proxy: '^string \\| readonly string\\[\\]',
  encryption_form: '^EncryptionForm\\b',
  encryption_key: '^Key\\b',
  decryption_key: '^Key \\| readonly Key\\[\\]',
  theme: '^Theme\\b',
  kind: 'EventKind',
  expires_at: 'Date',
  meta: 'Readonly<Record<string, unknown>>',
  code: 'ErrorCode',
  'privacy_finding.code': 'PrivacyCode',
  severity: 'PrivacySeverity',
};

/** Times are in milliseconds here, and say so. */
function nameOf({ name, type }) {
  const own = RENAMED.get(name) ?? camel(name);
  return type === 'seconds' ? `${own}Ms` : own;
}

function camel(name) {
  return name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

const DIST = new URL('../dist/', import.meta.url);
/** What the package declares to a type checker. */
const DECLARED = readdirSync(DIST)
  .filter((file) => file.endsWith('.d.ts'))
  .map((file) => readFileSync(new URL(file, DIST), 'utf8'))
  .join('\n');

/** The members of an interface or class: its readonly ones, with those that it extends. */
function membersOf(name) {
  const [, parent, body] =
    new RegExp(
      `^export (?:declare )?(?:abstract )?(?:interface|class) ${name}(?: extends (\\w+))? \\{\\n(.*?)^\\}`,
      'ms',
    ).exec(DECLARED) ??
    new RegExp(`^export type ${name} =( )(\\{\\n.*?^\\});`, 'ms').exec(DECLARED) ??
    assert.fail(`nothing declares ${name}`);
  const own = [...body.matchAll(/^ {4}(?:readonly|get) (\w+)(\??)(?:\(\))?: ([^]*?);$/gm)].map(
    ([, member, mark, type]) => ({ member, mayBeLeftOut: mark === '?', type, text: textBefore(body, member) }),
  );
  return parent === undefined || parent === ' ' || parent === 'Error' ? own : [...own, ...membersOf(parent)];
}

/** The comment of a member, in one line. */
function textBefore(body, member) {
  const before = body.slice(0, body.search(new RegExp(`(?:readonly|get) ${member}\\b`)));
  return before.slice(before.lastIndexOf('/**')).replace(/\s*\n\s*\*?\s*/g, ' ');
}

function checkMembers(found, described, { argument, result }) {
  const byName = new Map(found.map((one) => [one.member, one]));
  assert.deepEqual([...byName.keys()].sort(), described.map(nameOf).sort());
  for (const member of described) {
    const { type, mayBeLeftOut } = byName.get(nameOf(member));
    const mayBeMissing = member.optional || (argument && member.list);
    assert.equal(mayBeLeftOut, argument && mayBeMissing, `${member.name}: ${type}`);
    // What may be left out may be null, and what may be missing is.
    assert.equal(/\bnull\b/.test(type), mayBeMissing, `${member.name}: ${type}`);
    const named = OWN_TYPES[`${result}.${member.name}`] ?? OWN_TYPES[member.name];
    const own = member.name === 'status' && member.type === 'text' ? 'VerificationStatus' : named;
    assert.match(type, new RegExp(own ?? TYPES[member.type]), member.name);
  }
}

test('a client has every option and no other', () => {
  checkMembers(membersOf('RelayPassOptions'), SURFACE.options, { argument: true });
});

test('every option is taken at run time, and no other', () => {
  const named = SURFACE.options.map(nameOf);
  // Each is undefined, and known.
  new relaypass.RelayPass(Object.fromEntries(named.map((name) => [name, undefined])));
  assert.throws(() => new relaypass.RelayPass({ another: undefined }), TypeError);
});

test('the text of an option tells its default and its range', () => {
  const texts = new Map(membersOf('RelayPassOptions').map((one) => [one.member, one.text]));
  const inText = (value, { type }) =>
    (type === 'seconds' ? value * 1000 : value).toLocaleString('en-US');
  for (const option of SURFACE.options) {
    for (const edge of [option.default, option.most]) {
      if (typeof edge === 'number') {
        const text = texts.get(nameOf(option));
        assert.match(text, new RegExp(`(?<![\\w,.])${inText(edge, option)}(?!\\w|,\\d)`), option.name);
      }
    }
  }
});

test('every call takes what is described, and there is no other call', () => {
  const client = new relaypass.RelayPass();
  const rooms = ['relays', 'verifications', 'passes'];
  const calls = rooms.flatMap((room) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(client[room]))
      .filter((name) => name !== 'constructor' && !name.startsWith('_') && isDeclared(room, name))
      .map((name) => `${room}.${name}`),
  );
  // What is of no room is the client's own.
  const own = Object.getOwnPropertyNames(relaypass.RelayPass.prototype);
  calls.push(...own.filter((name) => name !== 'constructor'));
  assert.deepEqual(calls.sort(), SURFACE.calls.map(({ name }) => camel(name)).sort());
  for (const call of SURFACE.calls.filter(({ name }) => name !== 'close')) {
    const path = camel(call.name).split('.');
    checkCall(path.at(-2) ?? 'relayPass', path.at(-1), call);
  }
  checkMembers(membersOf('CloseOptions'), [SURFACE.timeout], { argument: true });
});

function classOf(room) {
  const name = camel(`_${room}`);
  return new RegExp(`^export declare class ${name} \\{\\n(.*?)^\\}`, 'ms').exec(DECLARED)[1];
}

function isDeclared(room, name) {
  return new RegExp(`^ {4}${name}\\(`, 'm').test(classOf(room));
}

/** Arguments are positional (an id, a claim type) or in an object; options are in another. */
function checkCall(room, name, call) {
  const [, parameters] = new RegExp(`^ {4}${name}\\(([^)]*)\\)`, 'm').exec(classOf(room));
  const names = new Set();
  for (const parameter of parameters.split(', ').filter(Boolean)) {
    const [, own, type] = /^(\w+)\??: (.*)$/.exec(parameter);
    const parts = type.split(' | ').filter((part) => part !== 'null');
    if (parts.every((part) => /^(string|number|boolean)$/.test(part))) {
      names.add(own);
    } else {
      for (const part of parts) {
        for (const { member } of membersOf(part)) {
          names.add(member);
        }
      }
    }
  }
  names.delete('signal');
  const described = [...call.arguments, SURFACE.timeout].map(nameOf);
  assert.deepEqual([...names].sort(), described.sort(), call.name);
}

test('every result has what is described', () => {
  for (const [name, members] of Object.entries(SURFACE.results)) {
    const own = camel(`_${name}`);
    if (name === 'completion') {
      const [, union] = /^export type Completion =([^]*?)^\};/m.exec(DECLARED);
      const statuses = [...union.matchAll(/status: '(\w+)'/g)].map(([, status]) => status);
      assert.deepEqual(statuses.sort(), [...SURFACE.statuses].sort());
    } else if (name === 'key_pair') {
      const names = membersOf('EncryptionKey').map(({ member }) => member);
      assert.deepEqual(names.sort(), members.map(nameOf).sort());
    } else {
      checkMembers(membersOf(own), members, { argument: false, result: name });
    }
  }
});

test('every code has a class, and every error its members', () => {
  const classes = Object.values(relaypass).filter(
    (value) => typeof value === 'function' && Object.getPrototypeOf(value) === relaypass.RelayPassError,
  );
  assert.deepEqual(classes.map(({ code }) => code).sort(), [...SURFACE.errors.codes].sort());
  const members = SURFACE.errors.members.filter(({ name }) => name !== 'message');
  const found = membersOf('RelayPassError').filter(({ member }) => member !== 'cause');
  checkMembers(found, members, { argument: false });
});

test('a privacy report says what is described', () => {
  for (const [type, names] of [
    ['PrivacyCode', SURFACE.privacy.codes],
    ['PrivacySeverity', SURFACE.privacy.severities],
  ]) {
    const [, union] = new RegExp(`^export type ${type} = ([^;]*);`, 'm').exec(DECLARED);
    assert.deepEqual(union.match(/\w+/g), names);
  }
});

test('events are what is described', () => {
  checkMembers(membersOf('RelayPassEvent'), SURFACE.events.members, { argument: false });
  const [, union] = /^export type EventKind = ([^;]*);/m.exec(DECLARED);
  assert.deepEqual(union.match(/\w+/g).sort(), [...SURFACE.events.kinds].sort());
});
