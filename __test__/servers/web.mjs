/** A web server on two ports, plain and TLS, with a WebSocket at /socket. Types: web.d.mts. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { WebSocketServer } from 'ws';

const account = { user: 'alice', password: 'correct horse' };
const authorization = `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`;

export async function startWeb({ credentials }) {
  const large = randomBytes(10 * 1024 * 1024);
  let connections = 0;

  const pages = {
    /** Which connection of the server's this is. */
    '/connection': ({ socket }, response) => {
      response.end(JSON.stringify({ number: socket.number, encrypted: socket.encrypted === true }));
    },
    '/private': ({ headers }, response) => {
      response.statusCode = headers.authorization === authorization ? 200 : 401;
      response.end();
    },
    '/large': (_, response) => {
      response.setHeader('x-sum', sum(large)).end(large);
    },
    /** Says what it got. */
    '/upload': async (request, response) => {
      const bytes = await everything(request);
      response.end(JSON.stringify({ length: bytes.length, sum: sum(bytes) }));
    },
    '/echo': (request, response) => request.pipe(response),
    '/never': () => {},
    /** Ends the connection instead of an answer. */
    '/killed': ({ socket }) => socket.destroy(),
    /** Ends the connection in the middle of an answer. */
    '/broken': ({ socket }, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('a beginning', () => socket.destroy());
    },
    /** Answers, and ends the connection though the client may hope to use it again. */
    '/last': ({ socket }, response) => {
      response.on('finish', () => socket.end()).end('ok');
    },
  };

  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, maxPayload: 1e8 });
  const orders = {
    large: (client) => client.send(large, { compress: false }),
    sum: (client) => client.send(sum(large)),
    kill: (client) => client.terminate(),
    close: (client) => client.close(4321, 'as you wish'),
    ping: (client) => {
      client.once('pong', (data) => client.send(`pong ${data}`));
      client.ping('are you there');
    },
  };
  webSockets.on('connection', (client) => {
    client.on('error', () => {});
    client.on('message', (data, isBinary) => {
      const order = !isBinary && orders[String(data)];
      if (order) order(client);
      else client.send(data, { binary: isBinary });
    });
  });

  const { chainPem: cert, keyPem: key } = credentials;
  const servers = [createServer(), createSecureServer({ cert, key })];
  for (const server of servers) {
    server.on('setSecureContext' in server ? 'secureConnection' : 'connection', (socket) => {
      socket.number = connections++;
      socket.on('error', () => {});
    });
    server.on('tlsClientError', () => {});
    // What keeps an idle connection, or lets it go, is the client alone.
    server.keepAliveTimeout = 600_000;
    server.on('request', (request, response) => {
      const page = pages[request.url];
      if (page) page(request, response);
      else response.writeHead(404).end();
    });
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/socket') return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      webSockets.handleUpgrade(request, socket, head, (client) => webSockets.emit('connection', client));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const [port, tlsPort] = servers.map((server) => server.address().port);

  const stop = async () => {
    for (const client of webSockets.clients) client.terminate();
    for (const server of servers) {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    }
  };
  return { port, tlsPort, ...account, stop, [Symbol.asyncDispose]: stop };
}

async function everything(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
