// develop.sh, in a tree where only the addon is missing.

import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { check } from './support/run.mjs';

const SCRIPT = fileURLToPath(new URL('../develop.sh', import.meta.url));

const LDD = {
  gnu: 'echo "ldd (GNU libc) 2.36"',
  musl: 'echo "musl libc (x86_64)" >&2; exit 1',
};

for (const [libc, ldd] of Object.entries(LDD)) {
  const skip = process.platform !== 'linux';
  test(`${libc} is told from its ldd, a relative target from the root`, { skip }, async () => {
    const root = mkdtempSync(join(tmpdir(), 'relaypass-develop-'));
    try {
      write(root, 'bin/ldd', `#!/bin/sh\n${ldd}\n`);
      chmodSync(join(root, 'bin', 'ldd'), 0o755);
      write(root, 'out/debug/librelaypass_node.so', 'the addon');
      mkdirSync(join(root, 'node', 'src'), { recursive: true });
      for (const name of ['package.json', 'tsconfig.json', 'package-lock.json']) {
        write(root, `node/${name}`, '{}');
      }
      write(root, 'node/node_modules/.package-lock.json', '{}');
      write(root, 'node/dist/index.mjs', '');
      cpSync(SCRIPT, join(root, 'node', 'develop.sh'));

      await check('bash', [join(root, 'node', 'develop.sh')], {
        cwd: tmpdir(),
        env: {
          ...process.env,
          CARGO_TARGET_DIR: 'out',
          PATH: join(root, 'bin') + delimiter + process.env.PATH,
        },
      });
      assert.deepEqual(readdirSync(join(root, 'node', 'native')), [
        `relaypass.linux-${process.arch}-${libc}.node`,
      ]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
}

function write(root, path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
