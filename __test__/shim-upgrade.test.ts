/** The stand-in for node:tls beside node:tls: connections that begin in plain text. */
import { once } from 'node:events';
import nodeNet from 'node:net';
import nodeTls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { authority, both, credentials, exchanged, listening, type Modules, ours } from './shim/modules.ts';

const ca = authority.certPem;
const { chainPem: cert, keyPem: key } = credentials;

/** Says what it can, waits to be asked for TLS, and answers with what it gets over that. */
function upgrading(): Promise<number> {
  return listening(
    nodeNet.createServer((socket) => {
      socket.write('ready');
      socket.once('data', (asked) => {
        if (`${asked}` !== 'TLS please') return;
        const secure = new nodeTls.TLSSocket(socket, { isServer: true, cert, key });
        secure.on('error', () => {}).pipe(secure);
        socket.write('go');
      });
    }),
  );
}

/** A plain connection that is about to go over to TLS. */
async function asked({ net }: Pick<Modules, 'net'>): Promise<nodeNet.Socket> {
  const plain = net.connect(await upgrading(), 'localhost');
  await once(plain, 'data');
  plain.write('TLS please');
  await once(plain, 'data');
  return plain;
}

describe('a plain connection', () => {
  both(
    'goes over to TLS in another socket, and is silent from then on',
    async (modules) => {
      const plain = await asked(modules);
      const heard: string[] = [];
      for (const name of ['data', 'end', 'error']) plain.on(name, () => heard.push(name));
      let secured = 0;
      const secure = modules.tls.connect({ socket: plain, servername: 'localhost', ca }, () => {
        secured += 1;
      });
      const closed = once(plain, 'close');
      await once(secure, 'secureConnect');
      const same = [secure.localPort === plain.localPort, secure.remotePort === plain.remotePort];
      const kinds = [plain, secure].map((socket) => socket instanceof modules.tls.TLSSocket);
      const { encrypted, authorized } = secure;
      const answer = await exchanged(secure, 'hello'.repeat(100_000));
      await closed;
      const gone = [secure.destroyed, plain.destroyed];
      return { heard, secured, same, kinds, encrypted, authorized, gone, intact: answer.length };
    },
    {
      heard: [],
      secured: 1,
      same: [true, true],
      kinds: [false, true],
      encrypted: true,
      authorized: true,
      gone: [true, true],
      intact: 500_000,
    },
  );

  both(
    'takes its listeners with it',
    async (modules) => {
      const plain = await asked(modules);
      plain.removeAllListeners();
      const secure = modules.tls.connect({ socket: plain, host: 'localhost', ca });
      secure.once('secureConnect', () => secure.removeAllListeners());
      await once(secure, 'secureConnect');
      return exchanged(secure);
    },
    'hello',
  );

  both(
    'may be written to before the handshake is done',
    async (modules) =>
      exchanged(modules.tls.connect({ socket: await asked(modules), host: 'localhost', ca })),
    'hello',
  );

  both(
    'may be connecting',
    async ({ net, tls }) => {
      const server = nodeTls.createServer({ cert, key }, (socket) => socket.pipe(socket));
      const plain = net.connect(await listening(server), 'localhost');
      const events: string[] = [];
      const secure = tls.connect({ socket: plain, host: 'localhost', ca });
      for (const name of ['connect', 'secureConnect']) secure.on(name, () => events.push(name));
      const { connecting } = secure;
      return { connecting, answer: await exchanged(secure), events };
    },
    { connecting: true, answer: 'hello', events: ['connect', 'secureConnect'] },
  );

  both(
    'may be made by new Socket()',
    async ({ net, tls }) => {
      const server = nodeTls.createServer({ cert, key }, (socket) => socket.pipe(socket));
      const plain = new net.Socket().connect({ port: await listening(server), host: '127.0.0.1' });
      await once(plain, 'connect');
      return exchanged(tls.connect({ socket: plain, host: 'localhost', ca }));
    },
    'hello',
  );

  both(
    'goes with the encrypted one, and the other way round',
    async (modules) => {
      const gone = [];
      for (const which of ['plain', 'secure'] as const) {
        const plain = await asked(modules);
        const secure = modules.tls.connect({ socket: plain, host: 'localhost', ca });
        await once(secure, 'secureConnect');
        const sockets = { plain, secure };
        const closed = Promise.all([once(plain, 'close'), once(secure, 'close')]);
        sockets[which].destroy();
        await closed;
        gone.push(plain.destroyed && secure.destroyed);
      }
      return gone;
    },
    [true, true],
  );

  for (const [name, options, code] of [
    ['an unknown authority', { host: 'localhost' }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['a wrong name', { servername: 'elsewhere.example', ca }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['the name it was connected to', { ca }, 'hello'],
    [
      'as the caller wants it',
      { host: 'elsewhere.example', ca, checkServerIdentity: () => undefined },
      'hello',
    ],
  ] as const) {
    both(
      `is verified: ${name}`,
      async (modules) => exchanged(modules.tls.connect({ socket: await asked(modules), ...options })),
      code,
    );
  }

  both(
    'may end before the handshake does',
    async ({ net, tls }) => {
      const server = nodeNet.createServer((socket) => socket.once('data', () => socket.destroy()));
      const plain = net.connect(await listening(server), '127.0.0.1');
      await once(plain, 'connect');
      const secure = tls.connect({ socket: plain, host: 'localhost', ca });
      const [error] = await once(secure, 'error');
      return [error instanceof Error, secure.destroyed, secure.authorized];
    },
    [true, true, false],
  );

  test('does not go over with something that has come in plain text and has not been read', async () => {
    const plain = ours.net.connect(await upgrading(), 'localhost');
    await once(plain, 'readable');
    // The peer can bring it about, and drivers call it in a callback: so it is an event.
    const secure = ours.tls.connect({ socket: plain, host: 'localhost', ca });
    const [error] = await once(secure, 'error');
    expect(error).toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect(plain.destroyed).toBe(true);
  });
});

describe("is done by Node's TLS", () => {
  test('over ours, if TLS in Rust does not know an option', async () => {
    const plain = await asked(ours);
    const secure = ours.tls.connect({
      socket: plain,
      host: 'localhost',
      ca,
      ciphers: 'TLS_AES_128_GCM_SHA256',
    });
    expect(plain).not.toBeInstanceOf(nodeNet.Socket);
    expect(secure).toBeInstanceOf(nodeTls.TLSSocket);
    expect(await exchanged(secure)).toBe('hello');
  });

  test('over ours, if it is made with `new`', async () => {
    const secure = new ours.tls.TLSSocket(await asked(ours), {
      secureContext: ours.tls.createSecureContext({ ca }),
    });
    expect(secure).toBeInstanceOf(nodeTls.TLSSocket);
    expect(await exchanged(secure)).toBe('hello');
  });

  test("over a socket of Node's", async () => {
    const secure = ours.tls.connect({ socket: await asked({ net: nodeNet }), host: 'localhost', ca });
    expect(secure).toBeInstanceOf(nodeTls.TLSSocket);
    expect(await exchanged(secure)).toBe('hello');
  });

  test('over ours that is encrypted already', async () => {
    const inner = nodeTls.createServer({ cert, key }, (socket) => socket.pipe(socket));
    const innerPort = await listening(inner);
    const tunnel = nodeTls.createServer({ cert, key }, (socket) => {
      const end = nodeNet.connect(innerPort, '127.0.0.1');
      socket.pipe(end).pipe(socket);
    });
    const outer = ours.tls.connect({ port: await listening(tunnel), host: 'localhost', ca });
    expect(outer).not.toBeInstanceOf(nodeTls.TLSSocket);
    const secure = ours.tls.connect({ socket: outer, host: 'localhost', ca });
    expect(secure).toBeInstanceOf(nodeTls.TLSSocket);
    expect(await exchanged(secure)).toBe('hello');
  });
});
