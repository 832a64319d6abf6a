// Programs of their own: what a process does at its end shows only there.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program to its end. */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  const [code, signal] = await once(child, 'close');
  return { code, signal, ...output };
}

/**
 * Runs an ES module given as text, with arguments, from the package's folder.
 *
 * glibc overwrites freed memory there: who goes on using it crashes at once, not by chance.
 */
export function runModule(source, ...args) {
  return run(process.execPath, ['--input-type=module', '--eval', source, ...args], {
    cwd: new URL('../..', import.meta.url),
    env: { ...process.env, MALLOC_PERTURB_: '165' },
  });
}

/** Runs a program that must succeed, and gives what it printed. */
export async function check(command, args, options) {
  const { code, signal, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(
      `${command} ${args.join(' ')} ended with ${code ?? signal}\n${stdout}${stderr}`,
    );
  }
  return stdout;
}
