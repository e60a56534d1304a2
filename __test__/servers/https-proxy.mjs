/**
 * What Debian's proxies do not have: TLS to the proxy, which is ended here and handed on in the clear, and a CONNECT that carries
 * each direction to its own end. Types: https-proxy.d.mts.
 */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

/** Carries both directions; what breaks on one side breaks the other. */
function join(one, other) {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ]) {
    from.pipe(to);
    from.on('error', () => {});
    from.on('close', () => {
      if (from.readableEnded && from.writableFinished) return;
      // Within TLS there is nothing that could be reset.
      if (to instanceof tls.TLSSocket) to.destroy();
      else to.resetAndDestroy();
    });
  }
}

/** @param {net.Server} server */
async function listening(server, counted) {
  const open = new Set();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = async () => {
    server.close();
    for (const socket of open) socket.destroy();
    await once(server, 'close');
  };
  return { port: server.address().port, open, stop, [Symbol.asyncDispose]: stop, ...counted };
}

export function startTlsEnd({ credentials, port, ...options }) {
  const { chainPem: cert, keyPem: key } = credentials;
  const settings = { cert, key, allowHalfOpen: true, ...options };
  const clients = new Set();
  const server = tls.createServer(settings, (secure) => {
    clients.add(secure);
    secure.on('close', () => clients.delete(secure));
    join(secure, net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  });
  server.on('tlsClientError', () => {});
  return listening(server, {
    pause() {
      for (const client of clients) client.pause();
    },
    resume() {
      for (const client of clients) client.resume();
    },
  });
}

export function startConnect() {
  const requested = [];
  const server = http.createServer();
  server.on('connect', (request, client, head) => {
    requested.push(request.url);
    client.on('error', () => {});
    const { hostname, port } = new URL(`http://${request.url}`);
    const host = hostname.replace(/^\[|\]$/g, '');
    const destination = net.connect({ host, port: Number(port || 80), allowHalfOpen: true });
    const refused = (error) => client.end(`HTTP/1.1 502 ${error.code}\r\n\r\n`);
    destination.once('error', refused).once('connect', () => {
      destination.off('error', refused).write(head);
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      join(client, destination);
    });
  });
  return listening(server, { requests: () => [...requested] });
}
