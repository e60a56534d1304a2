/** Addresses and options as WebIDL reads them, where that shows: order, getters, and what is too much. */
import { once } from 'node:events';
import { createServer } from 'node:tls';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { Peer } from './behaviour/wire.ts';
import { createAuthority } from './fixtures/pki.mjs';

let peer: Peer;
beforeAll(async () => {
  peer = await Peer.open();
});
afterAll(() => peer?.close());

/** An address that notes what is done with it. `fails`: the conversion that throws. */
function noted(fails?: 'hostname' | 'port') {
  const log: string[] = [];
  const member = (name: 'hostname' | 'port', value: string | number) => {
    const convert = () => {
      log.push(`convert ${name}`);
      if (name === fails) throw new RangeError(`${name} fails`);
      return value;
    };
    return {
      enumerable: true,
      get: () => {
        log.push(`get ${name}`);
        return { toString: convert, valueOf: convert };
      },
    };
  };
  const address = Object.defineProperties({} as { hostname: string; port: number }, {
    port: member('port', peer.port),
    hostname: member('hostname', '127.0.0.1'),
  });
  return { log, address };
}

test.each([
  [undefined, 'an address is needed'],
  ['localhost', '"localhost" has no port; the port is needed, also when it is 80 or 443'],
  ['https://localhost:443/', '"https://localhost:443/" is a URL; leave out the scheme and the path'],
  ['https://alice:secret@localhost:443', 'is a URL'],
  ['localhost:https', 'the port in "localhost:https" is not a number from 1 to 65535'],
  ['localhost:99999', 'the port of "localhost" is 99999, which is not a number from 1 to 65535'],
  [{ hostname: 'localhost', port: 0 }, 'the port of "localhost" is 0, which'],
  [{ hostname: 'localhost', port: 'five' }, 'the port of "localhost" is NaN, which'],
  [{ hostname: 'localhost' }, '`port` is missing'],
  [{ port: 80 }, '`hostname` is missing'],
  [':80', 'the hostname is empty; it never means localhost'],
  ['::1:80', 'the IPv6 address in "::1:80" needs brackets'],
  ['[localhost]:80', 'what stands in brackets in "[localhost]:80" is not an IPv6 address'],
  ['b\u00fccher.example:80', 'and punycode for other names'],
])('an address that is wrong throws, and says what is wrong: %j', (address, what) => {
  expect(() => connect(address as string)).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ADDRESS',
      message: expect.stringMatching(
        /^SocketError: invalid address: .*; pass "host:port", "\[ipv6\]:port", \{ hostname, port \} or "unix:\/path"$/,
      ),
    }),
  );
  expect(() => connect(address as string)).toThrow(what);
  expect(() => connect(address as string)).not.toThrow('secret');
});

describe('an address that is an object', () => {
  test('each member is got and converted before the next, in alphabetical order, once', async () => {
    const { log, address } = noted();
    const socket = connect(address);
    expect(log).toEqual(['get hostname', 'convert hostname', 'get port', 'convert port']);
    expect((await socket.opened).remoteAddress).toBe(peer.address);
    await socket.close();
    expect(log).toHaveLength(4);
  });

  test('what a conversion throws passes through, and nothing is read after it', () => {
    const { log, address } = noted('hostname');
    expect(() => connect(address)).toThrow(RangeError);
    expect(log).toEqual(['get hostname', 'convert hostname']);
  });
});

describe('alpn', () => {
  const names = (count: number, length: number) =>
    Array.from({ length: count }, (_, index) => String(index).padStart(length, 'x'));

  test('a list that is too long for the handshake throws', () => {
    for (const alpn of [names(129, 255), names(256, 255), names(40_000, 5)]) {
      expect(() => connect(peer.address, { secureTransport: 'on', alpn })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining('alpn') }),
      );
    }
  });

  test('the longest list that is let through makes a valid handshake', async () => {
    const authority = await createAuthority();
    const { chainPem: cert, keyPem: key } = await authority.issue({ names: ['localhost'] });
    const alpn = names(128, 255);
    const server = createServer({ cert, key, ALPNProtocols: alpn.slice(0, 1) }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const plain = connect(`localhost:${port}`, { secureTransport: 'starttls', alpn });
    // Memory of another realm is as good as any.
    const bytes = Uint8Array.from(Buffer.from(authority.certPem));
    const ca = runInNewContext('(bytes) => Uint8Array.from(bytes).buffer')(bytes) as ArrayBuffer;
    const secure = plain.startTls({ ca });
    expect((await secure.opened).alpn).toBe(alpn[0]);
    await secure.close();
    server.close();
  });
});
