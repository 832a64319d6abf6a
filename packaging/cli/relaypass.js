#!/usr/bin/env node
// Finds the command of this platform, which is a package of its own, and runs it in this one's place.
'use strict';

const { spawn } = require('node:child_process');

/** The one for musl first: it is static and runs on both, and the other one needs glibc. */
function candidates() {
  const name = `@relaypass/cli-${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? [`${name}-musl`, `${name}-gnu`] : [name];
}

function find() {
  const file = process.platform === 'win32' ? 'relaypass.exe' : 'relaypass';
  for (const name of candidates()) {
    try {
      return require.resolve(`${name}/${file}`);
    } catch {
      // Not installed: npm installs the one that fits.
    }
  }
  console.error(
    `relaypass: there is no command for ${process.platform} on ${process.arch} here: none of ` +
      `${candidates().join(', ')} is installed. They are optional dependencies of @relaypass/cli: ` +
      'install without --omit=optional, on this platform.',
  );
  process.exit(1);
}

const child = spawn(find(), process.argv.slice(2), { stdio: 'inherit' });
// A terminal sends these to both; what is sent to this process alone is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`relaypass: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
});
