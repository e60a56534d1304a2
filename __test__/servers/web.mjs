/** A web server on three ports, plain, TLS and HTTP/2, with a WebSocket at /socket. Types: web.d.mts. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
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
      response.setHeader('x-sum', sum(large));
      response.end(large);
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

  const respond = (request, response) => {
    const page = pages[request.url];
    if (page) page(request, response);
    else response.writeHead(404).end();
  };
  const upgrade = (request, socket, head) => {
    if (request.url !== '/socket') return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    webSockets.handleUpgrade(request, socket, head, (client) => webSockets.emit('connection', client));
  };

  const { chainPem: cert, keyPem: key } = credentials;
  // What keeps an idle connection, or lets it go, is the client alone.
  const keepAliveTimeout = 600_000;
  const plain = createServer({ keepAliveTimeout }, respond);
  const secure = createSecureServer({ cert, key, keepAliveTimeout }, respond);
  const http2 = createHttp2Server({ cert, key }, respond);
  const sockets = new Set();
  const admit = (socket) => {
    sockets.add(socket);
    socket.number = connections++;
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  plain.on('connection', admit).on('upgrade', upgrade);
  secure.on('secureConnection', admit).on('upgrade', upgrade);
  http2.on('secureConnection', admit);
  const servers = [plain, secure, http2];
  for (const server of servers) {
    server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const [port, tlsPort, http2Port] = servers.map((server) => server.address().port);

  const stop = async () => {
    const closed = servers.map((server) => once(server, 'close'));
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
  return { port, tlsPort, http2Port, ...account, stop, [Symbol.asyncDispose]: stop };
}

async function everything(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
