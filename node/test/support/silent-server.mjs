// A server that takes connections and never answers; it hangs up after a while, if it is told to.

import { once } from 'node:events';
import { createServer } from 'node:net';

export async function startSilentServer({ hangUpAfterMs } = {}) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      server.emit('asked', socket);
      if (hangUpAfterMs !== undefined) {
        setTimeout(() => socket.destroy(), hangUpAfterMs);
      }
    });
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** The next connection on which a request arrives. */
    asked: async () => (await once(server, 'asked'))[0],
    stop: () => server.close(),
  };
}
