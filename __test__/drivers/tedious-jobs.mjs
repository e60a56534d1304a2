/**
 * What a user of tedious does, with the option `connector`, against a stub of a SQL Server. See sql-jobs.mjs. TDS_PORT and TDS_STRICT_PORT say where to: TLS within messages, and
 * from the first byte.
 */
import { once } from 'node:events';
import { described, env, importClient, runJobs, sha256, way, withSilence } from './sql-jobs.mjs';

const { Connection, Request } = await importClient('tedious');

/** How the client is told to make its socket, with node:tls's options; where to, if it is not what the client was told. */
const ways = {
  /** As it is: node:net and node:tls. */
  'net, in messages': () => (tls) => ({ encrypt: true, ...native(tls) }),
  'net, strict': () => (tls) => ({ encrypt: 'strict', ...native(tls) }),
  /** Over ours, and node:tls in it or over it. */
  'duplex, in messages': async () => {
    const connector = await plain();
    return (tls) => ({ encrypt: true, ...native(tls), connector });
  },
  'duplex, strict': async () => {
    const connector = await plain();
    return (tls) => ({ encrypt: 'strict', ...native(tls), connector });
  },
  /** TLS in Rust. The client is told that there is none: it asks for none itself, as it does with 'strict'. */
  'rust, strict': async () => {
    const { createConnection } = await import('wintersock/node');
    return ({ ca, servername }) => ({
      encrypt: false,
      connector: async ({ host, port }) =>
        createConnection({
          ...{ host, port, ca, servername },
          ...{ secureTransport: 'on', ALPNProtocols: ['tds/8.0'] },
        }),
    });
  },
};

/** The names that this client has for node:tls's options. */
const native = ({ ca, servername }) => ({ cryptoCredentialsDetails: { ca }, serverName: servername });

async function plain() {
  const { createConnection } = await import('wintersock/node');
  return async ({ host, port }) => createConnection(port, host);
}

const strict = way.endsWith('strict');
/** The client as it is, with ours in place of node:net and node:tls; what is within messages is TLS over a stream of its own, and node:tls. */
ways['replaced, in messages'] = ways['net, in messages'];
ways['rust, replaced, strict'] = ways['net, strict'];

const socket = await ways[way]();

const config = ({
  server = 'localhost',
  port,
  password = env.TDS_PASSWORD,
  tls = { ca: env.CA },
  ...more
}) => ({
  server,
  authentication: { type: 'default', options: { userName: env.TDS_USER, password } },
  options: {
    port: Number(port ?? (strict ? env.TDS_STRICT_PORT : env.TDS_PORT)),
    connectTimeout: 60_000,
    ...socket(tls),
    ...more,
  },
});

const jobs = {
  /** How the server sees the connection. */
  async connection() {
    return withClient(async (client) => {
      const [[encrypted, alpn]] = await query(client, 'encrypted');
      return { encrypted, alpn: alpn === (strict ? 'tds/8.0' : 'false') };
    });
  },

  /** The authority is one of NODE_EXTRA_CA_CERTS. */
  async defaultAuthorities() {
    return withClient(() => 'connected', { tls: {} });
  },

  async largeAnswer() {
    return withClient(async (client) => {
      const rows = await query(client, 'rows 10240');
      const intact = rows.every(([id, line], i) => id === i && line === String(i).padStart(512, 'x'));
      return { rows: rows.length, intact };
    });
  },

  async upload() {
    return withClient(async (client) => {
      const text = `digest ${'abcdefgh'.repeat(512 * 1024)}`;
      const [[length, sum]] = await query(client, text);
      return { length, intact: sum === sha256(text) };
    });
  },

  /** Several connections at once, and one request after the other on each. */
  async parallelConnections() {
    const counts = await Promise.all(
      Array.from({ length: 5 }, () =>
        withClient(async (client) => {
          let rows = 0;
          for (let i = 0; i < 20; i++) rows += (await query(client, `rows ${i}`)).length;
          return rows;
        }),
      ),
    );
    return counts;
  },

  /** The request is given up, the connection goes on. */
  async cancel() {
    return withClient(async (client) => {
      const outcome = await failure(() => query(client, 'wait', () => client.cancel()));
      return { ...outcome, after: (await query(client, 'rows 1')).length };
    });
  },

  async failingRequest() {
    return withClient((client) => failure(() => query(client, 'fail')));
  },

  async wrongPassword() {
    return failure(() => withClient(() => 'connected', { password: 'wrong' }));
  },

  /** The server ends the connection under a request. */
  async killed() {
    return withClient(async (client) => {
      // More of them than one, and when is a matter of chance.
      client.on('error', () => {});
      const during = await failure(() => query(client, 'die'));
      return { during, after: await failure(() => query(client, 'rows 1')) };
    });
  },

  async wrongPort() {
    const nowhere = { server: '127.0.0.1', port: env.CLOSED_PORT };
    const { code, cause } = await withClient(() => 'connected', nowhere).catch((error) => error);
    // What connects in the client itself tells it of each address.
    return { code, cause: (cause.errors ?? [cause]).map(described) };
  },

  async unknownAuthority() {
    return failure(() => withClient(() => 'connected', { tls: { ca: env.STRANGER_CA } }));
  },

  async wrongName() {
    const tls = { ca: env.CA, servername: 'db.example' };
    return failure(() => withClient(() => 'connected', { tls }));
  },

  async silentServer() {
    return withSilence((port) =>
      failure(() => withClient(() => 'connected', { server: '127.0.0.1', port, connectTimeout: 200 })),
    );
  },
};

/** Runs `work` with a connected client and ends it. */
async function withClient(work, change = {}) {
  const client = new Connection(config(change));
  const ended = once(client, 'end');
  await new Promise((resolve, reject) => client.connect((error) => (error ? reject(error) : resolve())));
  try {
    return await work(client);
  } finally {
    client.close();
    await ended;
  }
}

/** The rows of a batch, as arrays. */
function query(client, text, onRow = () => {}) {
  return new Promise((resolve, reject) => {
    const rows = [];
    const request = new Request(text, (error) => (error ? reject(error) : resolve(rows)));
    request.on('row', (columns) => rows.push(columns.map(({ value }) => value)));
    request.once('row', onRow);
    client.execSqlBatch(request);
  });
}

/** Resolves with what `work` throws: the client wraps the errors of sockets. */
async function failure(work) {
  const error = await work().then(
    () => Promise.reject(new Error('did not fail')),
    (error) => error,
  );
  return { ...described(error), cause: error.code === 'ESOCKET' ? described(error.cause) : undefined };
}

await runJobs(jobs);
