/** What servers that stand in for real ones have in common: where they listen, and how they end. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

export async function startStub({ credentials }, accept) {
  const clients = new Set();
  const take = (socket) => {
    clients.add(socket);
    socket.on('error', () => {}).on('close', () => clients.delete(socket));
    accept(socket);
  };
  const server = credentials
    ? tls.createServer({ cert: credentials.chainPem, key: credentials.keyPem }, take)
    : net.createServer(take);
  server.on('tlsClientError', () => {}); // a client that refuses the certificate
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = async () => {
    for (const socket of clients) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port: server.address().port, stop, [Symbol.asyncDispose]: stop };
}
