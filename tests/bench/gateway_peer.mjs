// The gateway's peer in Node: its three endpoints with fastify and @cloudflare/blindrsa-ts.
//
// What must not happen twice is kept in memory, as `relaypass gateway --store memory` does. It prints
// {"url": …} when it is ready, and stops when its standard input closes.
import { createHash } from 'node:crypto';
import Fastify from 'fastify';
import { createRelay, generateClaim, issuePrivacyPass, Refusal } from './persona.mjs';

const text = { type: 'string' };
const object = (properties, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});

const app = Fastify({ bodyLimit: 64 * 1024 });

app.setErrorHandler((error, _request, reply) => {
  if (error instanceof Refusal) {
    return reply.code(error.status).type('application/json').send(error.body);
  }
  const status = error.statusCode ?? 502;
  return reply.code(status).send({ errors: [{ title: 'Error', details: error.message }] });
});

app.post(
  '/relays',
  {
    schema: {
      body: object(
        {
          'claim-type': text,
          'encryption-key-pem': { type: ['string', 'null'] },
          sandbox: { type: 'boolean', default: false },
        },
        ['claim-type'],
      ),
      response: {
        201: object({
          'relay-token': text,
          'relay-secret': text,
          'relay-session-access-token': text,
        }),
      },
    },
  },
  async ({ body }, reply) => {
    reply.code(201);
    return createRelay({
      claimType: body['claim-type'],
      encryptionKeyPem: body['encryption-key-pem'],
      sandbox: body.sandbox,
    });
  },
);

app.post(
  '/relays/privacy-passes',
  {
    schema: {
      headers: object({ authorization: { type: 'string', pattern: '^Bearer .' } }),
      body: object({ 'claim-type': text, sandbox: { type: 'boolean' } }, ['claim-type']),
      response: { 201: object({ 'privacy-pass-token': text }) },
    },
  },
  async ({ body, headers }, reply) => {
    const apiKey = headers.authorization.slice('Bearer '.length);
    const claimType = body['claim-type'];
    const sandbox = body.sandbox ?? apiKey.startsWith('persona_sandbox_');
    const buy = () => issuePrivacyPass({ claimType, sandbox, apiKey });
    const repeatable = headers['idempotency-key'];
    const pass = repeatable ? once(['purchase', apiKey, repeatable], buy) : buy();
    reply.code(201);
    return { 'privacy-pass-token': await pass };
  },
);

app.post(
  '/relays/:relayToken/redeem',
  {
    schema: {
      headers: object({ 'persona-relay-secret': text }),
      body: object({ 'privacy-pass-token': text }),
      response: { 200: object({ 'claim-payload': text, 'token-consumed': { type: 'boolean' } }) },
    },
  },
  ({ params, headers, body }) => {
    const relay = {
      relayToken: params.relayToken,
      relaySecret: headers['persona-relay-secret'],
      privacyPassToken: body['privacy-pass-token'],
    };
    return once(['redemption', ...Object.values(relay)], () => generateClaim(relay));
  },
);

// Answers by a hash of the call, the oldest first. A call that failed may be tried again.
const answers = new Map();
const MOST_ANSWERS = 100_000;

function once(call, work) {
  const name = createHash('sha256').update(JSON.stringify(call)).digest('base64');
  const known = answers.get(name);
  if (known) return known;
  const answer = work();
  answers.set(name, answer);
  answer.catch(() => answers.delete(name));
  if (answers.size > MOST_ANSWERS) answers.delete(answers.keys().next().value);
  return answer;
}

process.stdin.on('end', () => app.close()).resume();
const url = await app.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ url }));
