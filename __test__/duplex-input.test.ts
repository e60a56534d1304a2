/** Input of wintersock/node that would connect elsewhere, or less securely, than was meant. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createConnection, PostgresSocket, toDuplex } from 'wintersock/node';

const server = createServer((socket) => void socket.on('error', () => {}).pipe(socket));
let port: number;
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as { port: number });
});
afterAll(() => void server.close());

const refusal = (text: string) =>
  expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(text) });

test.each(['tls', 'ON', 'on ', true, {}, null, ''])('secureTransport %j is not plain text', (kind) => {
  const options = { host: '127.0.0.1', port, secureTransport: kind as 'on' };
  expect(() => createConnection(options)).toThrow(refusal('`secureTransport`'));
});

describe('versions of TLS', () => {
  test.each([
    { minVersion: 'TLS1.3' },
    { maxVersion: 'TLS1.2' },
    { maxVersion: 'TLSv1.1' },
    { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' },
    { minVersion: '' },
  ])('%j are refused', (versions) => {
    const options = { host: '127.0.0.1', port, secureTransport: 'on', ...versions };
    expect(() => createConnection(options as { port: number })).toThrow(refusal('Version`'));
  });

  test.each([{ minVersion: 'TLSv1' }, { minVersion: null, maxVersion: undefined }])(
    '%j are fine',
    (versions) => {
      const options = { host: '127.0.0.1', port, secureTransport: 'on', ...versions };
      createConnection(options as { port: number })
        .on('error', () => {})
        .destroy();
    },
  );
});

test.each([
  [{ ca: 'x' }, 'ERR_INVALID_CA'],
  [{ servername: 'a..b' }, 'ERR_INVALID_SNI'],
  [{ cert: 'x' }, 'ERR_INVALID_CERT'],
  [{ cert: Buffer.from('x') }, 'ERR_INVALID_OPTION'],
  [{ pfx: 'x' }, 'ERR_INVALID_OPTION'],
])('PostgresSocket says at once what is wrong with %j', (options, code) => {
  expect(() => new PostgresSocket(options as object)).toThrow(expect.objectContaining({ code }));
});

test('a wrong name is told under the name of its option', () => {
  const options = { host: '127.0.0.1', port, secureTransport: 'on', servername: 'a..b' } as const;
  expect(() => createConnection(options)).toThrow(/`servername`/);
});

test('`hostname` counts where `host` is missing', async () => {
  const socket = createConnection({ hostname: '127.0.0.1', port } as { port: number });
  await once(socket, 'connect');
  expect(socket.remoteAddress).toBe('127.0.0.1');
  socket.destroy();
  const elsewhere = createConnection({ hostname: 'nowhere.invalid', port } as { port: number });
  const [error] = await once(elsewhere, 'error');
  expect(error.code).toMatch(/^(?:ENOTFOUND|EAI_AGAIN)$/);
});

test('an address in one piece is no path', () => {
  expect(() => createConnection('localhost:1')).toThrow(/pass a port, or `{ host, port }`/);
});

test.each([{}, null, 1, createServer()])(
  'toDuplex() takes nothing else than a socket of connect()',
  (value) => {
    expect(() => toDuplex(value as never)).toThrow(new TypeError('toDuplex() takes a socket of connect()'));
  },
);
