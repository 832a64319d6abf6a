/**
 * What only this package's own tests look at; `exports` keeps it private.
 */

import { makeError } from './errors.js';
import { native } from './native.js';

/** One error of every code that the core has, as a call would raise it. */
export function exampleErrors(): Error[] {
  return native.exampleErrors().map(makeError);
}
