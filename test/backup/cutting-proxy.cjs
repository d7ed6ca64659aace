// A TCP proxy on this machine that ends each connection after so many bytes from the client. Arguments: its port, the
// server's port, and how many bytes each connection may send, in order; the last one holds for all that follow.
// `slow:N` passes N bytes a second on, `silent` takes the connection and answers nothing, `refuse` ends it at once.
const net = require('node:net');

const [, , port, server, ...limits] = process.argv;
let count = 0;

function pass(client, limit) {
  const upstream = net.connect(Number(server), '127.0.0.1');
  const perSecond = limit.startsWith('slow:') ? Number(limit.slice(5)) : 0;
  let left = /^\d+$/.test(limit) ? Number(limit) : Number.POSITIVE_INFINITY;
  const end = () => {
    client.destroy();
    upstream.destroy();
  };
  client.on('data', (piece) => {
    const passed = piece.subarray(0, Math.min(piece.length, left));
    left -= passed.length;
    upstream.write(passed, () => {
      if (left <= 0) end();
    });
    if (perSecond > 0) {
      client.pause();
      setTimeout(() => client.resume(), (passed.length / perSecond) * 1000);
    }
  });
  upstream.on('data', (piece) => client.write(piece));
  for (const socket of [client, upstream]) {
    socket.on('error', end);
    socket.on('close', end);
  }
}

net
  .createServer((client) => {
    const limit = limits[Math.min(count++, limits.length - 1)] ?? 'all';
    client.on('error', () => undefined);
    if (limit === 'refuse') client.destroy();
    else if (limit !== 'silent') pass(client, limit);
  })
  .listen(Number(port), '127.0.0.1', () => console.log('listening'));
