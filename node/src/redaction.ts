/** @internal */
export type Inspect = (value: unknown, options: InspectOptions) => string;

/** @internal */
export interface InspectOptions {
  stylize(text: string, style: 'special'): string;
}

/**
 * What `util.inspect` and `console.log` look for. A registered symbol, so nothing is imported.
 *
 * @internal
 */
export const inspect: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/**
 * Freezes an object whose secrets do not show when it is inspected.
 *
 * The values stay what they are: reading, spreading and `JSON.stringify` give them, for that is
 * how callers store them. Logging is what must not. `console.dir` and the diffs of `assert` switch
 * custom inspection off and show everything: members that they leave out could not be spread.
 *
 * @internal
 */
export function hideSecrets<T extends object>(
  name: string,
  value: T,
  secrets: readonly (keyof T)[],
): T {
  Object.defineProperty(value, inspect, {
    value: (_depth: number, options: InspectOptions, show: Inspect) => {
      const present = secrets.filter((secret) => value[secret] !== null);
      const redacted = present.map((secret) => [secret, REDACTED]);
      return `${name} ${show({ ...value, ...Object.fromEntries(redacted) }, options)}`;
    },
  });
  return Object.freeze(value);
}

/**
 * What stands for a secret where an object is inspected.
 *
 * @internal
 */
export const REDACTED = Object.freeze({
  [inspect]: (_depth: number, options: InspectOptions) => options.stylize('[redacted]', 'special'),
});
