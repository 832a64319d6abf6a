// Compares src/native.ts, which says by hand what the native addon exports, with what napi-rs wrote
// down when cargo built it. After: cargo build -p relaypass-node

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const target = resolve(here, '..', process.env.CARGO_TARGET_DIR ?? 'target');
const lines = readFileSync(join(target, 'debug', 'napi-types', 'relaypass-node'), 'utf8');
const written = lines.trim().split('\n').map((line) => JSON.parse(line));

// Rust's names for what TypeScript has, and for functions of JavaScript's.
const ALIASES = `
type Text = string;
type SecretText = string;
type SecretTexts = string[];
type Flag = boolean;
type Seconds = number;
type Whole = number;
type Bytes = Uint8Array;
type Outcome<T> = T | ErrorRecord;
type Promised<T> = Promise<T | ErrorRecord | null>;
type Tell = (scope: number | null, event: EventRecord) => void;
type LoadArguments = [scope: number | null, key: string];
type SwapArguments = [scope: number | null, key: string, expected: number | null, record: StoreRecord | null];
type ScanArguments = [scope: number | null, prefix: string, dueBefore: number | null, limit: number];
type Method<A extends unknown[], T> = (...args: A) => Promise<(undefined extends T ? Exclude<T, undefined> | null : T) | string>;
type HostReopen = () => Promise<HostStore>;
`;

const declared = written.map(({ kind, name, def }) => {
  // Rust takes both for nothing; ours gives one.
  def = def.replaceAll(' | undefined | null', ' | undefined');
  if (kind === 'fn') return `export ${def};`;
  if (kind === 'type') return `export type ${name} = ${def};`;
  // An option is there, and may be undefined.
  def = def.replace(/^(\w+)\?: (.*)$/gm, '$1: $2 | undefined');
  // Answers are frozen.
  if (name.endsWith('Record')) def = def.replaceAll('Array<', 'ReadonlyArray<');
  if (kind === 'interface') return `export interface ${name} {\n${def}\n}`;
  // A class, and the blocks of its methods.
  return kind === 'struct' ? '' : `${def}`;
});
const classes = new Map();
written.forEach(({ kind, name }, index) => {
  if (kind === 'impl') classes.set(name, `${classes.get(name) ?? ''}${declared[index]}\n`);
});
const bodies = [...classes].map(([name, body]) => `export declare class ${name} {\n${body}}`);
const others = declared.filter((_, index) => written[index].kind !== 'impl');

const folder = join(here, 'native');
mkdirSync(folder, { recursive: true });
const addon = [ALIASES, ...others.map((text) => text.replace('export function', 'export declare function')), ...bodies];
writeFileSync(join(folder, 'addon.ts'), addon.join('\n'));
writeFileSync(
  join(folder, 'check.ts'),
  `
import type * as addon from './addon.js';
import type * as ours from '../src/native.js';

/** How many arguments each function takes. */
type Counts<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => unknown ? Required<A>['length'] : 0;
};
/** Whether both have members of the same names, and functions of as many arguments. */
type Alike<A, B> = [keyof A, Counts<A>] extends [keyof B, Counts<B>]
  ? [keyof B, Counts<B>] extends [keyof A, Counts<A>]
    ? true
    : never
  : never;

type Exports = Pick<typeof addon, keyof ours.Native>;
// What ours says of an answer may be narrower: the core has the words.
export const exports = (native: ours.Native): Exports => native;
export const alike: [
  Alike<Exports, ours.Native>,
  Alike<addon.Client, ours.NativeClient>,
  Alike<addon.CancelToken, ours.NativeCancelToken>,
  Alike<addon.ClientOptions, ours.NativeClientOptions>,
  Alike<addon.ErrorRecord, ours.ErrorRecord>,
  Alike<addon.CheckRecord, ours.NativeCheck>,
  Alike<addon.ViolationRecord, ours.NativeViolation>,
  Alike<addon.KeyPairRecord, ours.KeyPair>,
] = [true, true, true, true, true, true, true, true];
`,
);
const tsc = join(here, 'node_modules', '.bin', 'tsc');
const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'];
const checked = spawnSync(tsc, [...flags, '--ignoreConfig', join(folder, 'check.ts')], { stdio: 'inherit' });
process.exit(checked.status ?? 1);
