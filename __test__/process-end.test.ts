/** Sockets and the end of their process: it ends by itself, with exit code 0, once no socket is left that holds it. */
import { once } from 'node:events';
import { createServer, type Socket as TcpSocket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { closedPort } from './fixtures/closed-port.mjs';
import { runNode } from './fixtures/node-process.mjs';

const script = '__test__/fixtures/last-socket.mjs';
/** The mode of the process that runs this is that of those it starts, too. */
const options = { env: { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' }, deadline: 10_000 };
const greeting = { allowHalfOpen: true, pauseOnConnect: true };
const accepted = new Set<TcpSocket>();
const server = createServer(greeting, (tcp) => {
  accepted.add(tcp);
  tcp.on('error', () => {}).write('go');
});
let hole: BlackHole;
let address: string;

beforeAll(async () => {
  hole = await BlackHole.open();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  address = `127.0.0.1:${port}`;
});
afterAll(async () => {
  for (const tcp of accepted) tcp.destroy();
  server.close();
  await hole?.close();
});

async function expectToEnd(state: string, ending: string, at = address): Promise<void> {
  const result = await runNode([script, state, ending, at], options);
  expect(result).toEqual({ code: 0, signal: null, stdout: 'done\nexit 0\n', stderr: '' });
}

const reachable = ['handshake', 'startTls()', 'idle', 'reading', 'writing'];
const matrix = reachable.flatMap((state) => ['close()', 'signal', 'unref()'].map((how) => ({ state, how })));

describe('the process ends', () => {
  test.concurrent.each(matrix)('$state, then $how', ({ state, how }) => expectToEnd(state, how), 15_000);

  test.concurrent.each(['close()', 'signal', 'unref()'])('connecting, then %s', async (how) => {
    await expectToEnd('connecting', how, `127.0.0.1:${hole.port}`);
  });

  test.concurrent('refused, and nobody looks', async () => {
    await expectToEnd('connecting', 'nothing', `127.0.0.1:${await closedPort()}`);
  });

  const peers = {
    // It reads the rest as well: what is queued goes out however long that takes.
    FIN: (tcp: TcpSocket) => tcp.end().resume(),
    RST: (tcp: TcpSocket) => tcp.resetAndDestroy(),
  };
  const states = ['idle', 'reading', 'writing'];
  const ends = Object.entries(peers).flatMap(([name, end]) => states.map((state) => ({ name, end, state })));
  test.concurrent.each(ends)('$state, and the peer sends $name', async ({ state, end }) => {
    const peer = createServer(greeting, (tcp) => {
      tcp.on('error', () => {}).write('go');
      setTimeout(end, 300, tcp);
      peer.close();
    });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    const { port } = peer.address() as { port: number };
    await expectToEnd(state, 'nothing', `127.0.0.1:${port}`);
  });
});

const program = (body: string) => [
  '--input-type=module',
  '-e',
  `import { connect } from 'wintersock'; ${body}`,
];

describe('the exit code is the own one of the process', () => {
  const open = `const socket = connect('ADDRESS'); await socket.readable.getReader().read();`;
  const cases = [
    { how: 'process.exit(3) with a socket open', body: 'process.exit(3);', code: 3 },
    { how: 'an error thrown with a socket open', body: "throw new Error('thrown');", code: 1 },
    { how: 'process.exitCode and close()', body: 'process.exitCode = 4; socket.close();', code: 4 },
    { how: 'a signal that ends it', body: "process.kill(process.pid, 'SIGTERM');", code: null },
  ];
  test.concurrent.each(cases)('$how', async ({ body, code }) => {
    const ended = await runNode(program(open.replace('ADDRESS', address) + body), options);
    expect(ended).toMatchObject({ code, signal: code === null ? 'SIGTERM' : null });
  });

  test('a top-level await of a socket that is gone for good ends the process as Node does', async () => {
    const body = `const socket = connect('${address}'); await socket.opened; socket.unref(); await socket.closed;`;
    expect(await runNode(program(body), options)).toMatchObject({ code: 13, signal: null });
  });
});

describe('the process goes on', () => {
  const kept = [
    { name: 'open', body: 'await socket.opened;' },
    {
      name: 'reading after unref() and ref()',
      body: 'socket.unref(); socket.ref(); socket.readable.getReader().read();',
    },
    { name: 'ref() twice counts once, so unref() and ref() keep', body: 'socket.ref().ref().unref().ref();' },
  ];
  test.concurrent.each(kept)('$name, until the peer ends', async ({ body }) => {
    const peer = createServer(greeting, (tcp) => {
      setTimeout(() => tcp.end(), 500);
      peer.close();
    });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    const { port } = peer.address() as { port: number };
    const told = "socket.closed.then(() => console.log('closed'));";
    const source = `const socket = connect('127.0.0.1:${port}'); ${body} ${told}`;
    expect(await runNode(program(source), options)).toMatchObject({
      code: 0,
      stdout: 'closed\n',
    });
  });

  test('when every member of the class is looked at, as inspectors do', async () => {
    const source = `const { Socket } = await import('wintersock');
      const { inspect } = await import('node:util');
      inspect(Socket.prototype, { getters: true });
      for (const name in Socket.prototype) try { Socket.prototype[name]?.call?.({}); } catch {}
      setTimeout(() => console.log('alive'), 10);`;
    expect(await runNode(program(source), options)).toMatchObject({
      code: 0,
      stdout: 'alive\n',
    });
  });

  test('unref() of one of two sockets: the other one keeps it', async () => {
    const peer = createServer(greeting, (tcp) => setTimeout(() => tcp.end(), 500));
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    const { port } = peer.address() as { port: number };
    const source = `const at = '127.0.0.1:${port}'; const [one, two] = [connect(at), connect(at)]; one.unref();
      two.closed.then(() => console.log('closed'));`;
    const ended = await runNode(program(source), options);
    peer.close();
    expect(ended).toMatchObject({ code: 0, stdout: 'closed\n' });
  });
});
