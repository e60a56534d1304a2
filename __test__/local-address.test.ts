/** `localAddress` and `localPort`: where connections of a binding come from. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createBinding } from 'wintersock';
import { everyWay, failureOf } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { closedPort } from './fixtures/closed-port.mjs';

vi.setConfig({ testTimeout: 30_000 });

const linux = process.platform === 'linux';
let echo: Peer;

beforeAll(async () => {
  echo = await Peer.open();
  echo.onWire = ({ tcp }) => void tcp.pipe(tcp);
});
afterAll(() => echo?.close());

describe.each(everyWay)('with $name', ({ open }) => {
  test.runIf(linux)('the server sees the address', async () => {
    await using peer = await Peer.open();
    const link = open(createBinding({ localAddress: '127.0.0.2' }), peer.address);
    expect(await link.opened).toMatch(/^127\.0\.0\.2:\d+$/);
    expect((await peer.wire()).tcp.remoteAddress).toBe('127.0.0.2');
    await link.close();
  });

  test('the server sees the port, of one connection after the other', async () => {
    await using peer = await Peer.open();
    const localPort = await closedPort();
    const binding = createBinding({ localPort });
    for (let round = 0; round < 3; round += 1) {
      const link = open(binding, peer.address);
      expect(await link.opened).toBe(`127.0.0.1:${localPort}`);
      const wire = await peer.wire();
      expect(wire.tcp.remotePort).toBe(localPort);
      // Who ends first has the port in TIME_WAIT: that is to be the server.
      const gone = once(wire.tcp.resume(), 'close');
      wire.end();
      expect(await link.receive()).toBe(undefined);
      await link.close();
      await gone;
    }
  });

  test('a port that was left a moment ago, to another server', async () => {
    await using peer = await Peer.open();
    peer.onWire = (wire) => void wire.tcp.resume().on('end', () => wire.end());
    const binding = createBinding({ localPort: await closedPort() });
    for (const address of [peer.address, echo.address]) {
      const link = open(binding, address);
      await link.opened;
      await link.close();
    }
    expect(binding.stats).toMatchObject({ open: 0, failures: {} });
  });

  test('a port that somebody else has', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port: localPort } = taken.address() as AddressInfo;
    const link = open(createBinding({ localPort, localAddress: '127.0.0.1' }), echo.address);
    expect(await failureOf(link.opened)).toEqual({
      code: 'EADDRINUSE',
      message: `SocketError: connect EADDRINUSE ${echo.address}: \`localPort\` is in use, or there is no free port; close sockets that are done, or choose another \`localPort\` (tried ${echo.address}: EADDRINUSE)`,
    });
    taken.close();
  });

  test('an address that this machine does not have', async () => {
    const link = open(createBinding({ localAddress: '192.0.2.1' }), echo.address);
    const { code, message } = await failureOf(link.opened);
    expect(code).toBe('EADDRNOTAVAIL');
    expect(message).toContain('there is no such local address');
  });

  test('an address of the other family', async () => {
    const binding = createBinding({ localAddress: '::1', resolve: () => ['127.0.0.1', '127.0.0.2'] });
    const target = `db.example:${echo.port}`;
    const message = `SocketError: connect EADDRNOTAVAIL ${target}: it has no address of the family of \`localAddress\` ::1; connect from an address of the other family`;
    expect(await failureOf(open(binding, target).opened)).toEqual({ code: 'EADDRNOTAVAIL', message });
    expect((await failureOf(open(binding, echo.address).opened)).code).toBe('EADDRNOTAVAIL');
    expect(binding.stats).toMatchObject({ connecting: 0, open: 0, failures: { EADDRNOTAVAIL: 2 } });
  });

  test('IPv6', async ({ skip }) => {
    const peer = await Peer.open('::1').catch(() => skip('skipped: this machine has no IPv6'));
    const localPort = await closedPort();
    const link = open(createBinding({ localAddress: '::1', localPort }), `[::1]:${peer.port}`);
    expect(await link.opened).toBe(`[::1]:${localPort}`);
    await link.close();
    await peer.close();
  });
});
