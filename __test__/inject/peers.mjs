/** What the trials connect to: in the process that runs them, so that what is counted in theirs is theirs alone. Types: peers.d.mts. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, createServer, TLSSocket } from 'node:tls';
import { createAuthority } from '../fixtures/pki.mjs';
import { startConnect, startTlsEnd } from '../servers/https-proxy.mjs';

const BLOCK = Buffer.alloc(64 * 1024, 'wintersock ');

/** What lets those go on that wait for it. @type {Set<() => void>} */
const paused = new Set();

/**
 * What a peer does after the first line that it gets.
 * @type {Record<string, (socket: net.Socket, argument: number) => void>}
 */
const acts = {
  echo: (socket) => void socket.pipe(socket),
  /** Sends so many KiB while it echoes nothing, then echoes. */
  send: (socket, kibibytes) => {
    let left = kibibytes * 1024;
    const more = () => {
      while (left > 0 && !socket.destroyed) {
        left -= BLOCK.length;
        if (!socket.write(BLOCK)) return void socket.once('drain', more);
      }
      socket.pipe(socket);
    };
    more();
  },
  /** Takes nothing for a while, or until somebody says `resume`, then everything, and says how many bytes that were. */
  late: (socket, milliseconds) => {
    let bytes = 0;
    const count = (/** @type {Buffer} */ chunk) => {
      bytes += chunk.length;
    };
    const go = () => socket.on('data', count);
    socket.on('end', () => socket.end(`${bytes}`));
    if (milliseconds > 0) setTimeout(go, milliseconds).unref();
    else paused.add(go);
  },
  resume: (socket) => {
    for (const go of paused) go();
    paused.clear();
    socket.end('done');
  },
  end: (socket) => void socket.resume().end('bye'),
  reset: (socket) => void socket.resetAndDestroy(),
};

/** @param {net.Socket} socket @param {import('node:tls').SecureContext} secureContext */
function serve(socket, secureContext) {
  socket.on('error', () => {});
  socket.once('readable', function begin() {
    const line = socket.read();
    if (line === null) return void socket.once('readable', begin);
    const end = line.indexOf('\n');
    const [act = '', argument = '0'] = line.subarray(0, end).toString().split(' ');
    if (line.length > end + 1) socket.unshift(line.subarray(end + 1));
    if (act === 'starttls') {
      socket.write('go\n');
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      serve(secure, secureContext);
    } else {
      acts[act]?.(socket, Number(argument));
    }
  });
}

/** As much of SOCKS5 as connects to IPv4 addresses and to names. @param {net.Socket} client */
function socks(client) {
  client.on('error', () => {});
  client.once('data', () => {
    client.write(Buffer.from([5, 0]));
    client.once('data', (request) => {
      const named = request[3] === 3;
      const host = named
        ? request.subarray(5, 5 + (request[4] ?? 0)).toString()
        : request.subarray(4, 8).join('.');
      const port = request.readUInt16BE(request.length - 2);
      const far = net.connect({ host, port });
      far.on('error', () => client.destroy());
      far.on('connect', () => {
        client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        client.pipe(far).pipe(client);
      });
      client.on('close', () => far.destroy());
    });
  });
}

/** @param {net.Server} server @param {object | string} [at] */
async function listening(server, at = { port: 0, host: '127.0.0.1' }) {
  const open = new Set();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.listen(at);
  await once(server, 'listening');
  const address = server.address();
  const stop = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { port: typeof address === 'object' && address ? address.port : 0, stop };
}

/** @returns {Promise<{ places: import('./peers.d.mts').Places, stop(): Promise<void> }>} */
export async function startPeers() {
  const authority = await createAuthority({ commonName: 'authority of the trials' });
  const credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  const identity = { cert: credentials.chainPem, key: credentials.keyPem };
  const context = createSecureContext(identity);
  const directory = await mkdtemp(join(tmpdir(), 'wintersock-inject-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Also if whoever started them is interrupted.
  process.once('exit', remove);
  const unix = join(directory, 'socket');
  const plain = await listening(net.createServer((socket) => serve(socket, context)));
  const tls = createServer(identity, (socket) => serve(socket, context));
  tls.on('tlsClientError', () => {});
  const secure = await listening(tls);
  const local = await listening(
    net.createServer((socket) => serve(socket, context)),
    unix,
  );
  // For whoever the process has become that connects.
  await Promise.all([chmod(directory, 0o755), chmod(unix, 0o777)]);
  const http = await startConnect();
  const https = await startTlsEnd({ credentials, port: http.port });
  const proxy = await listening(net.createServer(socks));
  return {
    places: {
      plain: plain.port,
      tls: secure.port,
      http: http.port,
      https: https.port,
      socks: proxy.port,
      // A port that was free a moment ago may be somebody else's now.
      closed: 1,
      unix,
      ca: authority.certPem,
    },
    async stop() {
      for (const server of [plain, secure, local, proxy]) server.stop();
      await Promise.all([http.stop(), https.stop()]);
      process.off('exit', remove);
      remove();
    },
  };
}
