/** What a user of undici does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Agent, Client, fetch, Pool, request, stream } from 'undici';

const { WEB_USER, WEB_PASSWORD, WEB_HTTP2_PORT, STRANGER_CA } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'WEB_PORT',
  'WEB_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

const plain = `http://localhost:${port}`;
const secure = `https://localhost:${tlsPort}`;

export const jobs = {
  plain: (connect) =>
    withAgent(connect, {}, async (get) => (await get(`${plain}/connection`)).json.encrypted),

  encrypted: (connect) =>
    withAgent(connect, {}, async (get) => (await get(`${secure}/connection`)).json.encrypted),

  login: (connect) => withAgent(connect, {}, (get) => logIn(get, WEB_PASSWORD)),

  wrongPassword: (connect) => withAgent(connect, {}, (get) => logIn(get, 'wrong')),

  download: (connect) =>
    withAgent(connect, {}, async (get) => {
      const { bytes, headers } = await get(`${secure}/large`);
      return { length: bytes.length, intact: sum(bytes) === headers['x-sum'] };
    }),

  upload: (connect) =>
    withAgent(connect, {}, async (get) => {
      const body = randomBytes(10 * 1024 * 1024);
      const { json } = await get(`${secure}/upload`, { method: 'POST', body });
      return { length: json.length, intact: json.sum === sum(body) };
    }),

  /** With backpressure: a stream goes up, and is written to another one that comes down. */
  streams: (connect) =>
    withDispatcher(new Agent({ connect: connector(connect) }), async (dispatcher) => {
      const bytes = randomBytes(4 * 1024 * 1024);
      const pieces = Array.from({ length: 64 }, (_, i) => bytes.subarray(i * 65536, (i + 1) * 65536));
      const hash = createHash('sha256');
      const body = Readable.from(pieces);
      await stream(`${secure}/echo`, { method: 'POST', body, dispatcher }, () => hash);
      return hash.digest('hex') === sum(bytes);
    }),

  fetch: (connect) =>
    withDispatcher(new Agent({ connect: connector(connect) }), async (dispatcher) => {
      const response = await fetch(`${secure}/echo`, { method: 'POST', body: 'Grüße', dispatcher });
      return { status: response.status, text: await response.text() };
    }),

  keepAlive: (connect) =>
    withAgent(connect, { connections: 1 }, async (get) => {
      const numbers = [];
      for (let i = 0; i < 5; i++) numbers.push((await get(`${secure}/connection`)).json.number);
      return new Set(numbers).size;
    }),

  pool: (connect) =>
    withDispatcher(new Pool(secure, { connections: 3, connect: connector(connect) }), async (pool) => {
      const requests = Array.from({ length: 60 }, () => pool.request({ method: 'GET', path: '/connection' }));
      const answers = await Promise.all(requests.map(async (response) => (await response).body.json()));
      return new Set(answers.map(({ number }) => number)).size;
    }),

  pipelining: (connect) =>
    withDispatcher(new Client(secure, { pipelining: 10, connect: connector(connect) }), async (client) => {
      const requests = Array.from({ length: 30 }, () =>
        client.request({ method: 'GET', path: '/connection' }),
      );
      const answers = await Promise.all(requests.map(async (response) => (await response).body.json()));
      return new Set(answers.map(({ number }) => number)).size;
    }),

  http2: (connect) =>
    withAgent(connect, { connections: 1, allowH2: true, ALPNProtocols: ['h2', 'http/1.1'] }, async (get) => {
      const origin = `https://localhost:${WEB_HTTP2_PORT}`;
      const first = await get(`${origin}/connection`);
      const { bytes, headers } = await get(`${origin}/large`);
      const others = await Promise.all(Array.from({ length: 20 }, () => get(`${origin}/connection`)));
      const numbers = new Set([first, ...others].map(({ json }) => json.number));
      return { length: bytes.length, intact: sum(bytes) === headers['x-sum'], connections: numbers.size };
    }),

  upgrade: (connect) =>
    withDispatcher(new Client(secure, { connect: connector(connect) }), async (client) => {
      const headers = {
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      };
      const { socket } = await client.upgrade({ path: '/socket', protocol: 'websocket', headers });
      // A frame with an empty text, not really masked, comes back without the mask.
      socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]));
      const [answer] = await once(socket, 'data');
      socket.destroy();
      return [...answer];
    }),

  idleEnd: (connect) =>
    withAgent(connect, {}, async (get) => {
      const disconnected = once(get.dispatcher, 'disconnect');
      await get(`${secure}/last`);
      await disconnected;
      return (await get(`${secure}/connection`)).status;
    }),

  headersTimeout: (connect) => withAgent(connect, { headersTimeout: 50 }, (get) => get(`${secure}/never`)),

  abort: (connect) =>
    withAgent(connect, {}, (get) => get(`${secure}/never`, { signal: AbortSignal.timeout(50) })),

  killed: (connect) => withAgent(connect, {}, (get) => get(`${secure}/killed`)),

  broken: (connect) => withAgent(connect, {}, (get) => get(`${secure}/broken`)),

  refused: (connect) => withAgent(connect, {}, (get) => get(`http://127.0.0.1:${closedPort}/`)),

  unknownAuthority: (connect) => withAgent(connect, { ca: STRANGER_CA }, (get) => get(`${secure}/`)),

  wrongName: (connect) => withAgent(connect, {}, (get) => get(`https://127.0.0.1:${tlsPort}/`)),

  /** The time that connecting may take is the connector's affair. */
  silence: (connect) =>
    withAgent(connect, { connectTimeout: 50 }, (get) => get(`https://localhost:${silentPort}/`)),

  /** Nobody closes this agent: its idle connection must not keep the process. */
  async forgotten(connect) {
    const dispatcher = new Agent({ connect: connector(connect), keepAliveTimeout: 600_000 });
    const { body } = await request(`${secure}/connection`, { dispatcher });
    await body.dump();
    return 'still connected';
  },
};

function connector(connect, { timeout, ...tls } = {}) {
  return ({ hostname: host, port, protocol }, done) => {
    const encrypted = protocol === 'https:';
    const socket = connect({ host, port, ...tls, timeout, secureTransport: encrypted ? 'on' : 'off' });
    if (timeout) socket.once('timeout', () => socket.destroy(new Error('too slow')));
    once(socket, encrypted ? 'secureConnect' : 'connect').then(() => done(null, socket), done);
  };
}

async function withDispatcher(dispatcher, work) {
  try {
    return await work(dispatcher);
  } finally {
    await dispatcher.destroy();
  }
}

function withAgent(connect, { ca, ALPNProtocols, connectTimeout: timeout, ...options }, work) {
  return withDispatcher(
    new Agent({ ...options, connect: connector(connect, { ca, ALPNProtocols, timeout }) }),
    (dispatcher) => {
      const get = async (url, options) => {
        const { statusCode, headers, body } = await request(url, { dispatcher, ...options });
        const bytes = Buffer.from(await body.arrayBuffer());
        return {
          status: statusCode,
          headers,
          bytes,
          get json() {
            return JSON.parse(bytes);
          },
        };
      };
      return work(Object.assign(get, { dispatcher }));
    },
  );
}

async function logIn(get, password) {
  const authorization = `Basic ${Buffer.from(`${WEB_USER}:${password}`).toString('base64')}`;
  return (await get(`${secure}/private`, { headers: { authorization } })).status;
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
