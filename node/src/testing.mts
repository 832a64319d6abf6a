// The same objects for `import` as for `require`: `instanceof` holds across both.
export * from './testing.js';
