// The stand-in for Persona, as `relaypass sandbox` serves it. Ends with the test that started it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { RelayPass } from 'relaypass';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const CLI =
  process.env.RELAYPASS_CLI ??
  resolve(ROOT, process.env.CARGO_TARGET_DIR || 'target', 'debug', 'relaypass');

export async function startSandbox(...flags) {
  const child = spawn(CLI, ['sandbox', '--until-stdin-closes', ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const started = once(createInterface({ input: child.stdout }), 'line');
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(`${CLI} does not start; build it (cargo build), or set RELAYPASS_CLI`, {
      cause: error,
    });
  });
  const [line] = await Promise.race([started, failed]);
  return new Sandbox(child, JSON.parse(line));
}

class Sandbox {
  /** The clients that were made since it was reset. */
  #clients = [];

  constructor(child, ready) {
    this.child = child;
    this.url = ready.url;
    this.apiKey = ready.api_key;
    this.productionApiKey = ready.production_api_key;
    this.caPem = ready.ca_pem;
  }

  /** A client of this sandbox, with its production key. It waits for no random moment. */
  client(options = {}) {
    return this.made(
      new RelayPass({
        apiKey: this.productionApiKey,
        baseUrl: this.url,
        purchaseWindowMs: 0,
        ...options,
      }),
    );
  }

  /** Has a client closed before the next reset. */
  made(client) {
    this.#clients.push(client);
    return client;
  }

  async post(path, body) {
    return this.#control(path, { method: 'POST', body: JSON.stringify(body ?? {}) });
  }

  async get(path) {
    return this.#control(path, { method: 'GET' });
  }

  /** Begins anew. What earlier clients still buy is not to be billed to what follows. */
  async reset() {
    const clients = this.#clients.splice(0);
    await Promise.allSettled(clients.map((client) => client.close({ timeoutMs: 5_000 })));
    return this.post('reset');
  }

  finish(relayToken, result = 'passed') {
    return this.post(`relays/${encodeURIComponent(relayToken)}/finish`, { result });
  }

  /** Does the check as the visitor would, on the page. */
  async visit({ hostedUrl }, result = 'passed') {
    const answer = await fetch(hostedUrl, { method: 'POST', body: `result=${result}` });
    const page = await answer.text();
    if (!answer.ok || !page.includes('is recorded')) {
      throw new Error(`the page does not record the result: ${page}`);
    }
  }

  faults(...faults) {
    return this.post('faults', { faults });
  }

  ledger() {
    return this.get('ledger');
  }

  async stop() {
    this.child.stdin.end();
    if (this.child.exitCode === null) {
      await once(this.child, 'exit');
    }
  }

  async #control(path, options) {
    const answer = await fetch(`${this.url}/_sandbox/${path}`, {
      headers: { 'content-type': 'application/json' },
      ...options,
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`the sandbox refuses ${path}: ${text}`);
    }
    return JSON.parse(text);
  }
}
