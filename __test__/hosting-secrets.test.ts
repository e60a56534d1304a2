/** What a host keeps to itself: keys, passphrases, passwords. And that they are its own: nobody changes them afterwards. */
import memory from 'node:buffer';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createBinding } from 'wintersock';
import { createConnection, PostgresSocket, toDuplex } from 'wintersock/node';
import { strayRejections } from './behaviour/leftovers.ts';
import { temporaryDirectory } from './behaviour/trust.ts';
import { Peer } from './behaviour/wire.ts';
import { apart } from './fixtures/hosting-program.ts';
import { asks, ca, cert, credentials, derOf, encrypted, key, other, PASSPHRASE } from './tls/parties.ts';
import { greeting, secured, serve } from './tls/server.ts';

vi.setConfig({ testTimeout: 60_000 });

const strays = strayRejections();
/** Accepts, and says nothing. */
let silent: Peer;
beforeAll(async () => {
  silent = await Peer.open();
  silent.onWire = (wire) => void wire.drain();
});
afterAll(() => silent?.close());

describe('memory that was given to createBinding()', () => {
  const room = 8192;
  /** Each way to give bytes, with spaces after them, and a way to write over them. */
  const given: Record<string, (text: string) => [value: never, bytes: Buffer]> = {
    Buffer: (text) => {
      const bytes = Buffer.alloc(room, '\n');
      bytes.write(text);
      return [bytes as never, bytes];
    },
    'a part of memory': (text) => {
      const bytes = Buffer.alloc(3 * room, '\n');
      bytes.write(text, room);
      return [new Uint8Array(bytes.buffer, bytes.byteOffset + room, room) as never, bytes];
    },
    ArrayBuffer: (text) => {
      const bytes = Buffer.from(new ArrayBuffer(room)).fill('\n');
      bytes.write(text);
      return [bytes.buffer as never, bytes];
    },
    SharedArrayBuffer: (text) => {
      const bytes = Buffer.from(new SharedArrayBuffer(room)).fill('\n');
      bytes.write(text);
      return [bytes.buffer as never, bytes];
    },
  };

  test.each(Object.entries(given))('%s: what is written there later is of no account', async (_, give) => {
    await using server = await serve(credentials, asks);
    await using stranger = await serve(await other.issue({ names: ['localhost'] }), asks);
    const [[trusted, trust], [identity, certificate], [secret, bytes]] = [give(ca), give(cert), give(key)];
    const binding = createBinding({ ca: trusted, cert: identity, key: secret });
    for (const written of [trust, certificate, bytes]) written.fill('\n');
    const { connect } = binding;
    // Options of its own: they are put on top of what was given.
    for (const options of [{}, { minVersion: 'TLSv1.3' }, { alpn: ['x'] }] as const) {
      expect(await greeting(secured(server, options, { connect }))).toBe('hello');
      trust.write(other.certPem, trust.length === room ? 0 : room);
      const refused = await greeting(secured(stranger, options, { connect }));
      expect(refused).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      trust.fill('\n');
    }
    const own = {
      host: 'localhost',
      port: server.port,
      secureTransport: 'on',
      minVersion: 'TLSv1.3',
      binding,
    };
    const duplex: Duplex = createConnection(own as object);
    onTestFinished(() => void duplex.destroy());
    const [said] = await new Promise<unknown[]>((resolve) =>
      duplex.once('data', (...all) => resolve(all)).once('error', (...all) => resolve(all)),
    );
    expect(String(said)).toBe('hello');
  });
});

describe('inspected with all that it has', () => {
  const body = key.split('\n')[1] ?? '';
  const spaced = (bytes: Buffer) => bytes.toString('hex').replaceAll(/..(?=.)/g, '$& ');
  const middle = derOf(key).subarray(40, 56);
  /** The ways to show the same: PEM, PEM as bytes, DER. */
  const secrets = [
    body,
    spaced(Buffer.from(body)),
    spaced(middle),
    [...middle].join(', '),
    PASSPHRASE,
    's3cret',
  ];

  function shown(value: unknown): string[] {
    const { INSPECT_MAX_BYTES } = memory;
    memory.INSPECT_MAX_BYTES = 1e6;
    try {
      const all = {
        depth: null,
        showHidden: true,
        getters: true,

        maxArrayLength: null,
        maxStringLength: null,
      } as const;
      const text = inspect(value, all).replaceAll(/\s+/g, ' ');
      return secrets.filter((secret) => text.includes(secret));
    } finally {
      memory.INSPECT_MAX_BYTES = INSPECT_MAX_BYTES;
    }
  }

  test('a key would be found', () => {
    expect(shown({ deep: { [Symbol('x')]: [key] } })).toEqual([body]);
    expect(shown(Buffer.from(key))).toEqual([secrets[1]]);
    expect(shown(derOf(key))).toEqual([secrets[2]]);
    expect(shown(new Uint8Array(derOf(key)))).toEqual([secrets[3]]);
    expect(shown(Object.defineProperty({}, 'x', { value: `${PASSPHRASE} s3cret` }))).toEqual(
      secrets.slice(4),
    );
  });

  test('nothing shows a private key, its passphrase, or the password of a proxy', async () => {
    await using server = await serve(credentials, asks);
    const place = { host: 'localhost', port: server.port };
    const identity = [
      { key },
      { key: Buffer.from(key) },
      { key: derOf(key) },
      { key: encrypted('pkcs8'), passphrase: PASSPHRASE },
    ];
    for (const own of identity.map((one) => ({ ...one, cert, ca }))) {
      const url = `https://user:s3cret@127.0.0.1:${silent.port}`;
      const bindings = [createBinding(own), createBinding({ ...own, proxy: { url, tls: own } })];
      for (const binding of bindings) {
        const target = `localhost:${server.port}`;
        const web = binding.connect(target, { secureTransport: 'on' });
        const plain = binding.connect(target, { secureTransport: 'starttls' });
        const secure = plain.startTls({ minVersion: 'TLSv1.3' });
        const shaped = toDuplex(binding.connect(target, { secureTransport: 'on' }));
        const duplex = createConnection({ ...place, secureTransport: 'on', binding });
        const sharing = createConnection({ ...place, secureTransport: 'on', minVersion: 'TLSv1.3', binding });
        const postgres = new PostgresSocket().connect({ ...place, binding });
        const duplexes: Duplex[] = [shaped, duplex, sharing, postgres];
        for (const one of duplexes) one.on('error', () => {});
        for (const { opened } of [web, plain, secure]) opened.catch(() => {});
        const all = () => [
          binding,
          binding.connect,
          binding.stats,
          web,
          web.opened,
          plain,
          secure,
          ...duplexes,
        ];
        expect(all().flatMap(shown)).toEqual([]);
        if (binding === bindings[0]) {
          await Promise.all([web.opened, secure.opened]);
          expect(all().flatMap(shown)).toEqual([]);
        }
        for (const one of duplexes) one.destroy();
        await Promise.allSettled([web, plain, secure].map((one) => one.close()));
      }
      const mine: Duplex = createConnection({ ...place, secureTransport: 'on', ...own } as object);
      mine.on('error', () => {});
      onTestFinished(() => void mine.destroy());
      expect(shown(mine)).toEqual([]);
    }
  });
});

test('a password is not shown where a URL is given as a rule', () => {
  const urls = [
    'http://user:s3cret@host:1',
    'https://user:s3cret@host',
    'socks5://user:s3cret@10.0.0.1:1080',
    ' http://:s3cret@host:1',
    'http://user:s3cret%40@x@host:1',
    'user:s3cret@host:3128',
  ];
  for (const url of urls) {
    for (const config of [
      { allow: [url] },
      { deny: ['local', url] },
      { proxy: { url: 'http://h', except: [url] } },
    ]) {
      let message = '';
      try {
        createBinding(config);
      } catch (error) {
        ({ message } = error as Error);
      }
      expect(message).toMatch(/`(allow|deny|proxy\.except)\[\d\]`/);
      expect(message).not.toContain('s3cret');
    }
  }
});

test('without a key log, the file of SSLKEYLOGFILE is neither made nor warned of', async () => {
  const file = join(await temporaryDirectory(), 'keys.log');
  const program = (begin: string) => `
    import { connect, createBinding, setDefaultBinding } from 'wintersock';
    import { createConnection, PostgresSocket } from 'wintersock/node';
    const [address] = process.argv.slice(1);
    const [host, port] = address.split(':');
    const config = { keyLog: false, connectTimeout: 100 };
    const over = (socket) => new Promise((resolve) => socket.on('error', ({ code }) => resolve(code)));
    const secure = (by) => by(address, { secureTransport: 'on' }).opened.catch(({ code }) => code);
    ${begin}`;
  const own = `const { connect: by } = createBinding(config);
    console.log(JSON.stringify([await secure(by), await over(createConnection({ host, port, secureTransport: 'on', binding: createBinding(config) }))]));`;
  const standard = `setDefaultBinding(config);
    console.log(JSON.stringify([await secure(connect), await over(new PostgresSocket().connect({ host, port }))]));`;
  for (const begin of [own, standard]) {
    const { said, stderr } = await apart(program(begin), [silent.address], { SSLKEYLOGFILE: file });
    expect({ said, stderr, exists: existsSync(file) }).toEqual({
      said: ['ETIMEDOUT', 'ETIMEDOUT'],
      stderr: '',
      exists: false,
    });
  }
  // It would be.
  const { stderr } = await apart(
    program(`console.log(JSON.stringify(await secure(createBinding({ connectTimeout: 100 }).connect)));`),
    [silent.address],
    { SSLKEYLOGFILE: file },
  );
  expect(stderr).toContain(file);
  expect(existsSync(file)).toBe(true);
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
