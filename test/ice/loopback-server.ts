import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';

/** An HTTP server on a free port of loopback, which ends with all its connections. */
export interface LoopbackServer {
  /** As `http://127.0.0.1:40123`. */
  endpoint: string;
  close(): Promise<void>;
}

/** Starts one. What a handler throws is a 500 with its message, for a test to fall over. */
export async function startLoopbackServer(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    handle(request, response).catch((thrown: unknown) => {
      const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      if (!response.headersSent) response.writeHead(500);
      response.end(message);
    });
  });
  // A fault may leave a connection in silence for longer than any test.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  return onLoopback(server, sockets);
}

/** Has a server listen on a free port of loopback; it ends with the sockets that are in a set then. */
export async function onLoopback(server: Server, sockets: ReadonlySet<Socket>): Promise<LoopbackServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a server without a port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
