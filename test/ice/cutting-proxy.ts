import { connect, createServer, type Socket } from 'node:net';
import { type LoopbackServer, onLoopback } from './loopback-server.ts';

/**
 * Puts a way before a server of loopback, as `http://127.0.0.1:40123`, that ends each connection once so many bytes went in
 * one direction.
 */
export async function startCuttingProxy(
  target: string,
  direction: 'up' | 'down',
  bytes: number,
): Promise<LoopbackServer> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let left = bytes;
    const pass = (from: Socket, to: Socket, counted: boolean): void => {
      sockets.add(from);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('error', () => to.destroy());
      from.on('data', (piece: Buffer) => {
        const wanted = counted ? piece.subarray(0, Math.max(0, left)) : piece;
        if (counted) left -= piece.length;
        if (!to.write(wanted)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        // What went through is to arrive before the end does.
        if (left <= 0) setTimeout(() => from.destroy(), 20);
      });
    };
    pass(client, upstream, direction === 'up');
    pass(upstream, client, direction === 'down');
  });
  return onLoopback(server, sockets);
}
