import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The platforms that there is a package for. Where both of a processor are installed, the one for musl
 * is tried first: glibc refuses it, whereas musl may load the other one and crash later.
 */
const PLATFORMS = [
  'linux-x64-musl',
  'linux-x64-gnu',
  'linux-arm64-musl',
  'linux-arm64-gnu',
  'darwin-arm64',
  'darwin-x64',
  'win32-x64',
] as const;
type Platform = (typeof PLATFORMS)[number];

/**
 * The native addon of this platform.
 *
 * @internal
 */
export function loadAddon(): unknown {
  const platforms = candidates();
  const failures: unknown[] = [];
  for (const platform of platforms) {
    // Each name stands as a literal in a `require`, and within `try`: so bundlers and file tracers see
    // them, and take it that most are absent. Only the package that fits the machine is installed.
    try {
      const checkout = ofThisCheckout(platform);
      if (checkout !== undefined) return checkout;
      switch (platform) {
        case 'linux-x64-gnu':
          return require('@relaypass/linux-x64-gnu');
        case 'linux-x64-musl':
          return require('@relaypass/linux-x64-musl');
        case 'linux-arm64-gnu':
          return require('@relaypass/linux-arm64-gnu');
        case 'linux-arm64-musl':
          return require('@relaypass/linux-arm64-musl');
        case 'darwin-arm64':
          return require('@relaypass/darwin-arm64');
        case 'darwin-x64':
          return require('@relaypass/darwin-x64');
        case 'win32-x64':
          return require('@relaypass/win32-x64');
      }
    } catch (failure) {
      if (!isAbsent(failure)) failures.push(failure);
    }
  }
  throw loadError(platforms, failures);
}

/** The platforms whose addon may fit here; on Linux only loading tells which C library fits. */
function candidates(): Platform[] {
  const name = `${process.platform}-${process.arch}`;
  return PLATFORMS.filter((platform) => platform === name || platform.startsWith(`${name}-`));
}

/** What `develop.sh` laid beside `dist`. No published package has it, so no bundler needs to see it. */
function ofThisCheckout(platform: Platform): unknown {
  // A bundle of ECMAScript modules has none.
  if (typeof __dirname === 'undefined') return undefined;
  const file = join(__dirname, '..', 'native', `relaypass.${platform}.node`);
  return existsSync(file) ? require(file) : undefined;
}

/** Whether the package is not installed, rather than something that it needs. */
function isAbsent(failure: unknown): boolean {
  const { code, message } = failure as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && message.includes('@relaypass/');
}

/** Whether the runtime was told to load no addon, whoever made it. */
function isForbidden(failure: unknown): boolean {
  const { code, name } = failure as NodeJS.ErrnoException;
  const isOfNode = code === 'ERR_DLOPEN_DISABLED' || code === 'ERR_ACCESS_DENIED';
  // Deno's, which have no code.
  return isOfNode || name === 'NotCapable' || name === 'PermissionDenied';
}

function loadError(platforms: readonly Platform[], failures: readonly unknown[]): Error {
  const here = describeHere();
  if (platforms.length === 0) {
    return new Error(
      `relaypass has no native addon for ${here}. There is one for ` +
        `${PLATFORMS.join(', ')}. On other platforms, run the gateway and call it over HTTP.`,
    );
  }
  if (failures.length === 0) {
    const wanted = `@relaypass/${platforms[isMusl() ? 0 : platforms.length - 1]}`;
    return new Error(
      `relaypass finds no native addon for ${here}: the package ${wanted} is not installed. It is an ` +
        'optional dependency of relaypass: install without `--omit=optional` (`--no-optional`), on this ' +
        'platform (a node_modules from another one lacks it), and without an old lock file that does ' +
        `not name it; or install it by name: npm install ${wanted}@${version()}. With a bundler, leave ` +
        'relaypass out of the bundle (webpack: `externals`, Next.js: `serverExternalPackages`). In a ' +
        'checkout of relaypass, run `make build`.',
    );
  }
  const reasons = failures.map((failure) =>
    (failure instanceof Error ? failure.message : String(failure)).replace(/\.$/, ''),
  );
  const cause = failures.length === 1 ? failures[0] : new AggregateError(failures);
  if (failures.some(isForbidden)) {
    return new Error(
      `relaypass may not load its native addon on ${here}: ${reasons.join('; ')}. This process was ` +
        'started without the permission: with `node --permission`, add `--allow-addons`; leave ' +
        '`--no-addons` out; with Deno, add `--allow-ffi`. Nothing is wrong with the package.',
      { cause },
    );
  }
  return new Error(
    `relaypass cannot load its native addon on ${here}: ${reasons.join('; ')}. A package is there, and ` +
      'this machine refuses it: it may be for another platform or C library, too new for this one ' +
      '(a missing GLIBC version says so), or damaged. Install relaypass again on this machine.',
    { cause },
  );
}

function describeHere(): string {
  const musl = isMusl();
  const libc = musl === undefined ? '' : ` with ${musl ? 'musl' : 'glibc'}`;
  return `${process.platform} on ${process.arch}${libc}`;
}

/**
 * Which C library it is, on Linux. Asked for only where something failed already: the report takes time.
 * Deno refuses the report without `--allow-sys`, and that must not hide what failed.
 */
function isMusl(): boolean | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined;
  } catch {
    return undefined;
  }
}

function version(): string {
  return (require('../package.json') as { version: string }).version;
}
