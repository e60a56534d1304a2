/**
 * What sockets are at when their environment ends. Each brings some to work and gives them, so that they can be unref'd. What is awaited here
 * has begun for sure; loops go on. Only what the end of a socket may reject is caught: anything else would be an unhandled rejection.
 */
import { createBinding } from 'wintersock';
import * as duplex from 'wintersock/node';

/** @typedef {{ ports: Record<string, number>, ca: string, hole: number, refused: number, proxies: { http: number, https: number }, slowness: number, round: number }} Where */

const CHUNK = new Uint8Array(64 * 1024);
const ignore = () => {};

/** Connects by the names of ports, as a host with the authority of the peers does. @param {Where} where */
export function dialer(where, config = {}) {
  const { connect } = createBinding({ ca: where.ca, ...config });
  const dial = (name, options) => connect(`127.0.0.1:${where.ports[name]}`, options);
  return Object.assign(dial, {
    connect,
    secure: (name, options) => dial(name, { secureTransport: 'on', ...options }),
  });
}

/** Reads until the end of the socket. Resolves when something has come. */
export async function read(socket, options) {
  const reader = socket.readable.getReader(options);
  const next = async () => {
    const { done } = await reader.read(...(options ? [new Uint8Array(100_000)] : []));
    if (!done) return next();
  };
  await reader.read(...(options ? [new Uint8Array(1)] : []));
  next().catch(ignore);
  return socket;
}

/** Writes until the end of the socket. Resolves when something was taken. */
export async function write(socket, chunk = CHUNK) {
  const writer = socket.writable.getWriter();
  const next = () => writer.write(chunk).then(next);
  await writer.write(chunk);
  next().catch(ignore);
  return socket;
}

async function opened(socket) {
  await socket.opened;
  return socket;
}

async function upgraded(socket, name, where) {
  const upgrading = socket(name, { secureTransport: 'starttls' });
  await upgrading.opened;
  return upgrading.startTls({ ca: where.ca });
}

/** Writes more than the system takes for a peer that does not read. */
async function stuck(socket) {
  await socket.opened;
  socket.writable
    .getWriter()
    .write(new Uint8Array(16 * 1024 * 1024))
    .catch(ignore);
  return socket;
}

/** A socket of wintersock/node, when it has emitted `event`. */
export function shaped(where, name, event = 'connect', options = {}) {
  const socket = duplex.createConnection({
    port: where.ports[name],
    host: '127.0.0.1',
    ca: where.ca,
    ...options,
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once(event, () => {
      socket.off('error', reject).on('error', ignore);
      resolve(socket);
    });
  });
}

/** As node:net's, a duplex that connects or writes keeps its process alive, whatever unref() says. So it is destroyed instead. */
const busy = (socket) => ({ unref: () => socket.destroy(), close: () => socket.destroy() });

/** Writes as long as there is room. */
function pour(socket) {
  const flood = () => {
    for (let chunks = 0; chunks < 4; chunks += 1) if (socket.destroyed || !socket.write(CHUNK)) return;
    setImmediate(flood);
  };
  socket.on('drain', () => setImmediate(flood));
  flood();
  return socket;
}

export const activities = {
  /** @param {Where} where */
  idle: (where) => {
    const to = dialer(where, { idleTimeout: 60_000, keepAlive: true });
    const controller = new AbortController();
    return Promise.all([
      opened(to('sink', { signal: controller.signal })),
      opened(to('silent')),
      opened(to.secure('sinkTls')),
      upgraded(to, 'sinkTls', where).then(opened),
      shaped(where, 'sink'),
      shaped(where, 'sinkTls', 'secureConnect', { secureTransport: 'on', timeout: 60_000 }),
    ]);
  },

  reading: (where) => {
    const to = dialer(where);
    const piped = to.secure('floodTls');
    piped.readable.pipeTo(new WritableStream()).catch(ignore);
    const waiting = to('silent');
    waiting.readable.getReader().read().catch(ignore);
    const teed = to('flood');
    for (const branch of teed.readable.tee()) branch.pipeTo(new WritableStream()).catch(ignore);
    return Promise.all([
      read(to('flood')),
      read(to('flood'), { mode: 'byob' }),
      read(to.secure('floodTls')),
      read(to.secure('floodTls'), { mode: 'byob' }),
      upgraded(to, 'floodTls', where).then((socket) => read(socket)),
      opened(piped),
      opened(teed),
      opened(waiting),
    ]);
  },

  writing: (where) => {
    const to = dialer(where);
    const piped = to.secure('echoTls');
    piped.readable.pipeTo(piped.writable).catch(ignore);
    const staged = to('sink');
    const writer = staged.writable.getWriter();
    const turns = setInterval(() => {
      for (let index = 0; index < 20; index += 1) writer.write(new Uint8Array(1000)).catch(ignore);
    }, 1).unref();
    staged.closed.then(() => clearInterval(turns));
    return Promise.all([
      write(to('sink')),
      write(to.secure('sinkTls')),
      upgraded(to, 'sinkTls', where).then((socket) => write(socket)),
      stuck(to('deaf')),
      opened(piped),
      opened(staged),
    ]);
  },

  connecting: (where) => {
    const to = dialer(where);
    const hole = `127.0.0.1:${where.hole}`;
    const raced = createBinding({ resolve: () => ['127.0.0.1', '127.0.0.1', '127.0.0.1'], attemptDelay: 10 });
    const few = dialer(where, { maxConnections: 1, connectTimeout: 60_000 });
    return [
      to.connect(hole),
      to.connect(hole, { secureTransport: 'on' }),
      to.connect(hole, { signal: AbortSignal.timeout(60_000) }),
      raced.connect(`name.example:${where.hole}`),
      // One has its turn, the others wait for it.
      few.connect(hole),
      few.connect(hole, { secureTransport: 'on' }),
      busy(duplex.createConnection(where.hole, '127.0.0.1').on('error', ignore)),
      busy(
        duplex.createConnection({ port: where.hole, host: '127.0.0.1', timeout: 60_000 }).on('error', ignore),
      ),
    ];
  },

  /** Names: the system is asked, the host, or a function of the caller's. */
  names: (where) => {
    const never = createBinding({ resolve: () => new Promise(ignore) });
    const address = `localhost:${where.ports.sink}`;
    const lookup = () => {};
    const { connect } = dialer(where);
    const asked = Array.from({ length: 4 }, (_, index) =>
      connect(address, { secureTransport: index % 2 ? 'on' : 'off' }),
    );
    // There is no TLS to be had.
    for (const socket of asked) socket.closed.catch(ignore);
    return [
      ...asked,
      never.connect(address),
      never.connect(address, { secureTransport: 'on' }),
      busy(duplex.createConnection({ port: where.ports.sink, host: 'localhost' }).on('error', ignore)),
      busy(
        duplex.createConnection({ port: where.ports.sink, host: 'localhost', lookup }).on('error', ignore),
      ),
    ];
  },

  handshaking: async (where) => {
    const to = dialer(where, { connectTimeout: 60_000 });
    const upgrading = dialer(where);
    const sockets = await Promise.all([
      upgraded(upgrading, 'silent', where),
      upgraded(upgrading, 'deaf', where),
      shaped(where, 'silent').then((socket) => socket.startTls({ ca: where.ca })),
      shaped(where, 'silent', 'connect', { secureTransport: 'on' }),
    ]);
    // With whom it would succeed: at any point of it.
    const moments = [0, 1, 2].map(() => to.secure('floodTls'));
    return [...sockets, ...moments, to.secure('silent'), to.secure('deaf')];
  },

  closing: async (where) => {
    const to = dialer(where);
    const sockets = await Promise.all([
      ...['deaf', 'sink', 'flood', 'silent', 'brief'].map((name) =>
        opened(to(name, { allowHalfOpen: true })),
      ),
      ...['sinkTls', 'floodTls'].map((name) => opened(to.secure(name))),
      read(to.secure('floodTls')),
    ]);
    for (const socket of sockets) {
      socket.writable
        .getWriter()
        .write(new Uint8Array(512 * 1024))
        .catch(ignore);
      socket.close();
    }
    const waiting = await stuck(to('deaf'));
    waiting.close();
    const duplexes = await Promise.all([shaped(where, 'deaf'), shaped(where, 'flood')]);
    for (const socket of duplexes) socket.end(new Uint8Array(2 * 1024 * 1024));
    const untouched = await Promise.all([
      opened(to('silent')),
      opened(to('deaf')),
      opened(to.secure('sinkTls')),
    ]);
    for (const socket of untouched) socket.close();
    return [waiting, ...sockets, ...duplexes.map(busy), ...untouched];
  },

  proxied: async (where) => {
    const { http, https } = where.proxies;
    const plain = dialer(where, { proxy: `http://127.0.0.1:${http}` });
    const secure = dialer(where, { proxy: `https://127.0.0.1:${https}` });
    const silent = dialer(where, { proxy: `http://127.0.0.1:${where.ports.silent}` });
    const socks = dialer(where, { proxy: `socks5h://127.0.0.1:${where.ports.silent}` });
    const unsure = dialer(where, { proxy: `https://127.0.0.1:${where.ports.silent}` });
    const waiting = [silent('sink'), socks.secure('sinkTls'), unsure('sink')];
    const sockets = await Promise.all([
      read(plain('flood')),
      read(plain.secure('floodTls')),
      read(secure('flood')),
      read(secure.secure('floodTls')),
      write(secure('sink')),
      stuck(secure('deaf')),
      opened(secure('silent')),
      opened(secure('sink')),
    ]);
    sockets.at(-1)?.close();
    return [...waiting, ...sockets];
  },

  duplex: async (where) => {
    const lent = dialer(where).secure('floodTls');
    await lent.opened;
    const sockets = await Promise.all([
      shaped(where, 'flood'),
      shaped(where, 'floodTls', 'secureConnect', { secureTransport: 'on' }),
      shaped(where, 'sink'),
      shaped(where, 'sinkTls', 'secureConnect', { secureTransport: 'on' }),
      shaped(where, 'echo'),
      shaped(where, 'echoTls').then((socket) => socket.startTls({ ca: where.ca })),
      shaped(where, 'flood').then((socket) => socket.pause()),
      shaped(where, 'deaf'),
    ]);
    const [plain, secure, ...others] = sockets;
    for (const socket of [plain, secure]) socket?.on('data', ignore);
    for (const socket of others) pour(socket);
    others[2]?.resume();
    return [plain, secure, ...others.map(busy), duplex.toDuplex(lent).on('error', ignore).on('data', ignore)];
  },
};
