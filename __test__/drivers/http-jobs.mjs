/** What a user of node:http and node:https does with an agent. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const { WEB_USER, WEB_PASSWORD, WEB_HTTP2_PORT, STRANGER_CA } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'WEB_PORT',
  'WEB_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

export const jobs = {
  plain: (connect) =>
    withAgent(connect, { secure: false }, async (client) => {
      const { encrypted } = await client.json('/connection');
      return { encrypted };
    }),

  encrypted: (connect) =>
    withAgent(connect, {}, async (client) => {
      const { response, body } = await client.request('/connection');
      const { encrypted, authorized } = response.socket;
      return { server: JSON.parse(body).encrypted, client: { encrypted, authorized } };
    }),

  login: (connect) =>
    withAgent(connect, {}, (client) => client.status('/private', { auth: `${WEB_USER}:${WEB_PASSWORD}` })),

  wrongPassword: (connect) =>
    withAgent(connect, {}, (client) => client.status('/private', { auth: `${WEB_USER}:wrong` })),

  download: (connect) =>
    withAgent(connect, {}, async (client) => {
      const { response, body } = await client.request('/large');
      return { length: body.length, intact: sum(body) === response.headers['x-sum'] };
    }),

  upload: (connect) =>
    withAgent(connect, {}, async (client) => {
      const bytes = randomBytes(10 * 1024 * 1024);
      const answer = await client.json('/upload', { method: 'POST' }, bytes);
      return { length: answer.length, intact: answer.sum === sum(bytes) };
    }),

  /** The answer comes while the request is still being sent, in chunks of any size. */
  bothWays: (connect) =>
    withAgent(connect, {}, async (client) => {
      const bytes = randomBytes(4 * 1024 * 1024);
      const pieces = Array.from({ length: 64 }, (_, i) => bytes.subarray(i * 65536, (i + 1) * 65536));
      const { body } = await client.request('/echo', { method: 'POST' }, Readable.from(pieces));
      return sum(body) === sum(bytes);
    }),

  expectation: (connect) =>
    withAgent(connect, {}, async (client) => {
      const options = { method: 'POST', headers: { expect: '100-continue', 'content-length': 2 } };
      const request = client.open('/echo', options);
      request.flushHeaders();
      await once(request, 'continue');
      request.end('ok');
      const [response] = await once(request, 'response');
      return String(await everything(response));
    }),

  /** One after the other, over one connection. */
  keepAlive: (connect) =>
    withAgent(connect, { keepAlive: true }, async (client) => {
      const answers = [];
      for (let i = 0; i < 5; i++) answers.push(await client.request('/connection'));
      const numbers = answers.map(({ body }) => JSON.parse(body).number);
      return { connections: new Set(numbers).size, reused: answers.map(({ reused }) => reused) };
    }),

  pool: (connect) =>
    withAgent(connect, { keepAlive: true, maxSockets: 3 }, async (client) => {
      const answers = await Promise.all(Array.from({ length: 60 }, () => client.json('/connection')));
      const free = Object.values(client.agent.freeSockets).flat().length;
      return { connections: new Set(answers.map(({ number }) => number)).size, free };
    }),

  /** What an agent tells a socket: that it is idle, and that it is no longer the agent's. */
  agentEvents: (connect) =>
    withAgent(connect, { keepAlive: true }, async (client) => {
      const events = [];
      client.agent.on('free', (socket) => {
        events.push('free');
        socket.on('agentRemove', () => events.push('agentRemove'));
      });
      await client.request('/connection');
      const headers = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': 13 };
      const key = randomBytes(16).toString('base64');
      const request = client.open('/socket', { headers: { ...headers, 'sec-websocket-key': key } });
      const [response, socket] = await once(request.end(), 'upgrade');
      socket.destroy();
      return { events, status: response.statusCode, reused: request.reusedSocket };
    }),

  /** The server ends an idle connection: the next request takes another one. */
  idleEnd: (connect) =>
    withAgent(connect, { keepAlive: true }, async (client) => {
      const { response } = await client.request('/last');
      if (!response.socket?.destroyed) await once(response.socket, 'close');
      const left = Object.values(client.agent.freeSockets).flat().length;
      const { reused } = await client.request('/connection');
      return { left, reused };
    }),

  timeout: (connect) =>
    withAgent(connect, {}, async (client) => {
      const request = client.open('/never', { timeout: 50 });
      request.end().on('timeout', () => request.destroy(new Error('too slow')));
      const [error] = await once(request, 'error').catch((error) => [error]);
      return error.message;
    }),

  /** The agent's own: for connections that are in use, and for idle ones. */
  idleTimeout: (connect) =>
    withAgent(connect, { keepAlive: true, timeout: 50 }, async (client) => {
      const { response } = await client.request('/connection');
      const { socket } = response;
      if (!socket.destroyed) await once(socket, 'close');
      return Object.values(client.agent.freeSockets).flat().length;
    }),

  abort: (connect) =>
    withAgent(connect, {}, (client) => client.request('/never', { signal: AbortSignal.timeout(50) })),

  killed: (connect) => withAgent(connect, {}, (client) => client.request('/killed')),

  broken: (connect) => withAgent(connect, {}, (client) => client.request('/broken')),

  refused: (connect) =>
    withAgent(connect, { secure: false, host: '127.0.0.1', port: closedPort }, (client) =>
      client.request('/'),
    ),

  unknownAuthority: (connect) => withAgent(connect, { ca: STRANGER_CA }, (client) => client.request('/')),

  wrongName: (connect) => withAgent(connect, { host: '127.0.0.1' }, (client) => client.request('/')),

  silence: (connect) =>
    withAgent(connect, { port: silentPort }, (client) =>
      client.request('/', { signal: AbortSignal.timeout(100) }),
    ),

  /** node:http2 gets no handle from such a socket, and goes through the stream. */
  async http2(connect) {
    const place = { host: 'localhost', port: WEB_HTTP2_PORT, secureTransport: 'on', ALPNProtocols: ['h2'] };
    const socket = connect(place);
    const session = http2.connect(`https://localhost:${WEB_HTTP2_PORT}`, { createConnection: () => socket });
    const request = async (path, body) => {
      const stream = session.request({ ':path': path, ':method': body ? 'POST' : 'GET' });
      // Both at once: from Node 24 on, a stream whose answer came in one piece is taken for broken by who begins to
      // read it later.
      const [[headers], answer] = await Promise.all([once(stream.end(body), 'response'), everything(stream)]);
      return { headers, body: answer };
    };
    const large = await request('/large');
    const bytes = randomBytes(4 * 1024 * 1024);
    const received = JSON.parse((await request('/upload', bytes)).body);
    const parallel = await Promise.all(
      Array.from({ length: 50 }, (_, i) => request('/echo', Buffer.from(`${i}`))),
    );
    const { alpnProtocol } = socket;
    session.close();
    await once(session, 'close');
    return {
      alpnProtocol,
      down: sum(large.body) === large.headers['x-sum'],
      up: received.sum === sum(bytes),
      parallel: parallel.every(({ body }, i) => String(body) === `${i}`),
    };
  },

  /** Nobody destroys this agent: its idle connection must not keep the process. */
  async forgotten(connect) {
    const client = new Client(connect, { keepAlive: true });
    await client.request('/connection');
    return 'still connected';
  },
};

class Client {
  #server;
  #module;

  constructor(connect, { secure = true, host = 'localhost', port: chosen, ca, ...options }) {
    this.#module = secure ? https : http;
    this.#server = { host, port: chosen ?? (secure ? tlsPort : port) };
    this.agent = new this.#module.Agent(options);
    const secureTransport = secure ? 'on' : 'off';
    this.agent.createConnection = (parameters) => connect({ ...parameters, ca, secureTransport });
  }

  open(path, options) {
    return this.#module.request({ ...this.#server, path, agent: this.agent, ...options });
  }

  async request(path, options, body) {
    const request = this.open(path, options);
    const answered = once(request, 'response');
    if (body instanceof Readable) pipeline(body, request).catch(() => {});
    else request.end(body);
    const [response] = await answered;
    // Taken off the response when it has ended.
    const { socket } = response;
    return {
      response: { headers: response.headers, statusCode: response.statusCode, socket },
      body: await everything(response),
      reused: request.reusedSocket,
    };
  }

  async status(path, options) {
    return (await this.request(path, options)).response.statusCode;
  }

  async json(path, options, body) {
    return JSON.parse((await this.request(path, options, body)).body);
  }
}

async function withAgent(connect, options, work) {
  const client = new Client(connect, options);
  try {
    return await work(client);
  } finally {
    client.agent.destroy();
  }
}

async function everything(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
