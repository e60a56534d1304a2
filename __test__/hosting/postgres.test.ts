/** Bindings and a real PostgreSQL: users by certificate, ALPN that is needed, its Unix domain socket. */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Binding, type BindingConfig, createBinding, type Socket } from 'wintersock';
import { PostgresSocket, toDuplex } from 'wintersock/node';
import { ending } from '../behaviour/settlement.ts';
import { closedPort } from '../fixtures/closed-port.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { type Database, PASSPHRASE, startDatabase, USER } from './database.ts';

const timeout = 60_000;
const REQUEST = Buffer.from('0000000804d2162f', 'hex');

let database: Database;
let address: string;
let encryptedKey: URL;
beforeAll(async () => {
  database = await startDatabase();
  address = `localhost:${database.port}`;
  encryptedKey = new URL(`file://${database.path('app.key')}`);
}, timeout);
afterAll(() => database?.stop());

const trusting = (): BindingConfig => ({ ca: database.authority.certPem });
const identified = (): BindingConfig => {
  const { certPem: cert, keyPem: key } = database.identity;
  return { ...trusting(), cert, key };
};

/** Asks over a stream that is connected, or connects itself, who the server takes us for. */
async function whoAmI(stream: Duplex & { connecting: boolean }) {
  const connect = () => {
    if (!stream.connecting) process.nextTick(() => stream.emit('connect'));
    return stream;
  };
  const connected = Object.assign(stream, { connect });
  const client = new pg.Client({ user: USER, database: 'postgres', ssl: false, stream: () => connected });
  // What happens after the end of a connection that failed.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_user AS "user", version AS tls, client_dn AS certificate, inet_client_addr() IS NULL AS local
         FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
    );
    return rows[0];
  } finally {
    await client.end().catch(() => {});
  }
}

/** With TLS from the first byte, as PostgreSQL has it from version 17 on. */
const direct = ({ connect }: Binding, alpn = ['postgresql']): Socket =>
  connect(address, { secureTransport: 'on', alpn });

/** Asks for TLS first, as clients of PostgreSQL always did. */
async function upgraded({ connect }: Binding): Promise<Socket> {
  const socket = connect(address, { secureTransport: 'starttls' });
  expect(await answer(socket, REQUEST)).toBe('S');
  return socket.startTls();
}

/** The byte that the server answers with. */
async function answer(socket: Socket, request: Buffer): Promise<string> {
  const [reader, writer] = [socket.readable.getReader(), socket.writable.getWriter()];
  await writer.write(request);
  const { value } = await reader.read();
  reader.releaseLock();
  writer.releaseLock();
  return Buffer.from(value ?? []).toString();
}

const ROW = { user: USER, tls: 'TLSv1.3', certificate: `/CN=${USER}`, local: false };

describe('a user that is known by its certificate', () => {
  const ways: [string, (binding: Binding) => Socket | Promise<Socket>][] = [
    ['TLS at once', direct],
    ['TLS after it was asked for', upgraded],
  ];
  test.each(ways)('is let in, %s', { timeout }, async (_, open) => {
    expect(await whoAmI(toDuplex(await open(createBinding(identified()))))).toEqual(ROW);
  });

  test('is let in with a key in a file, encrypted', { timeout }, async () => {
    const binding = createBinding({ ...identified(), key: encryptedKey, passphrase: PASSPHRASE });
    expect(await whoAmI(toDuplex(direct(binding)))).toEqual(ROW);
  });

  test('is let in through a PostgresSocket', { timeout }, async () => {
    const options = { ...identified(), key: encryptedKey, passphrase: PASSPHRASE };
    const socket = new PostgresSocket(options as ConstructorParameters<typeof PostgresSocket>[0]);
    socket.connect(database.port, 'localhost');
    expect(await whoAmI(socket)).toEqual(ROW);
  });

  test('and shows none is refused by PostgreSQL', { timeout }, async () => {
    await expect(whoAmI(toDuplex(direct(createBinding(trusting()))))).rejects.toMatchObject({
      code: '28000',
      message: expect.stringContaining('valid client certificate'),
    });
  });

  test('and shows that of another user is refused by PostgreSQL', { timeout }, async () => {
    const { certPem: cert, keyPem: key } = await database.users.issue({
      names: [],
      commonName: 'somebody',
      client: true,
    });
    await expect(whoAmI(toDuplex(direct(createBinding({ ...trusting(), cert, key }))))).rejects.toMatchObject(
      { code: '28000' },
    );
  });

  test('and shows one of another authority is refused in TLS', { timeout }, async () => {
    const { certPem: cert, keyPem: key } = await (await createAuthority()).issue({
      names: [],
      commonName: USER,
      client: true,
    });
    const binding = createBinding({ ...trusting(), cert, key });
    await expect(whoAmI(toDuplex(direct(binding)))).rejects.toMatchObject({
      code: 'ERR_TLS_ALERT',
      message: expect.stringMatching(/UnknownCA/i),
    });
    expect(binding.stats.open).toBe(0);
  });
});

test('the server is verified before anything is shown to it', { timeout }, async () => {
  const binding = createBinding({ ...identified(), ca: (await createAuthority()).certPem });
  expect(await ending(direct(binding).opened, timeout)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  expect(binding.stats.failures).toEqual({ UNABLE_TO_VERIFY_LEAF_SIGNATURE: 1 });
});

describe('ALPN, which PostgreSQL needs with TLS at once', () => {
  test('by the binding', { timeout }, async () => {
    const { connect } = createBinding({ ...identified(), alpn: ['postgresql'] });
    const socket = connect(address, { secureTransport: 'on' });
    expect(await socket.opened).toMatchObject({ alpn: 'postgresql' });
    expect(await whoAmI(toDuplex(socket))).toEqual(ROW);
  });

  test('another one is an error with a code of its own', { timeout }, async () => {
    const socket = direct(createBinding(identified()), ['http/1.1']);
    expect(await ending(socket.opened, timeout)).toBe('ERR_TLS_ALPN');
  });

  test('without it the server ends the connection', { timeout }, async () => {
    const socket = createBinding(identified()).connect(address, { secureTransport: 'on' });
    await expect(whoAmI(toDuplex(socket))).rejects.toThrow();
    expect(await database.server.log()).toContain('without ALPN protocol negotiation extension');
  });
});

describe.skipIf(process.platform === 'win32')('its Unix domain socket', () => {
  const local = { user: USER, tls: null, certificate: null, local: true };

  test('lets in whom the system knows', { timeout }, async () => {
    const { connect } = createBinding({ allow: [`unix:${database.path('run')}/*`] });
    const socket = connect(`unix:${database.socket}`);
    expect(await socket.opened).toMatchObject({ remoteAddress: `unix:${database.socket}`, tls: null });
    expect(await whoAmI(toDuplex(socket))).toEqual(local);
  });

  test('is where a name leads that the host looks up', { timeout }, async () => {
    const { connect } = createBinding({ resolve: () => [`unix:${database.socket}`] });
    expect(await whoAmI(toDuplex(connect('database.internal:5432')))).toEqual(local);
  });

  test('is not reached through a proxy', { timeout }, async () => {
    const { connect } = createBinding({ proxy: `http://127.0.0.1:${await closedPort()}` });
    expect(await ending(connect('localhost:1').opened, timeout)).toBe('ECONNREFUSED');
    expect(await whoAmI(toDuplex(connect(`unix:${database.socket}`)))).toEqual(local);
  });

  test('has no TLS', { timeout }, async () => {
    const socket = createBinding().connect(`unix:${database.socket}`, { secureTransport: 'starttls' });
    expect(await answer(socket, REQUEST)).toBe('N');
    await socket.close();
  });

  test('is out of bounds where only the network is allowed', { timeout }, async () => {
    const { connect } = createBinding({ allow: ['network'] });
    expect(await ending((async () => connect(`unix:${database.socket}`).opened)(), timeout)).toBe(
      'ERR_ACCESS_DENIED',
    );
  });
});
