/** Several copies of the package in one environment: bundles, and module caches that a test runner empties. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type * as Wintersock from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { ending, endings } from './behaviour/settlement.ts';
import { Peer } from './behaviour/wire.ts';

const require = createRequire(import.meta.url);
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const strays = strayRejections();
let peer: Peer;

/** The package loaded once more. The native half is the same: Node has an addon only once. */
function copy(): typeof Wintersock {
  for (const path of Object.keys(require.cache)) if (path.startsWith(dist)) delete require.cache[path];
  return require(`${dist}index.cjs`);
}

beforeAll(async () => {
  peer = await Peer.open();
  peer.onWire = ({ tcp }) => void tcp.pipe(tcp);
});
afterAll(() => peer?.close());

/** That a socket opens, carries data both ways, and closes. */
async function expectToWork(socket: Wintersock.Socket): Promise<void> {
  expect(await ending(socket.opened)).toBe('resolves');
  socket.writable
    .getWriter()
    .write('echo')
    .catch(() => {});
  const { value } = await socket.readable.getReader().read();
  expect(Buffer.from(value ?? []).toString()).toBe('echo');
  expect(await ending(socket.close())).toBe('resolves');
}

test('each works, whichever was loaded last', async () => {
  const copies = [copy(), copy(), copy()];
  expect(new Set(copies.map(({ Socket }) => Socket)).size).toBe(3);
  for (const { connect } of [...copies, ...copies]) await expectToWork(connect(peer.address));
});

test('a socket that is open when another copy is loaded goes on', async () => {
  const { connect } = copy();
  const sockets = [connect(peer.address), connect(peer.address)] as const;
  await sockets[0].opened;
  copy();
  for (const socket of sockets) await expectToWork(socket);
});

test('a socket that fails does so in its own copy', async () => {
  const [first, second] = [copy(), copy()];
  const sockets = [first.connect('127.0.0.1:1'), second.connect('127.0.0.1:1')] as const;
  const reasons = await Promise.all(sockets.map(({ opened }) => opened.catch((reason) => reason)));
  expect(reasons[0]).toBeInstanceOf(first.SocketError);
  expect(reasons[1]).toBeInstanceOf(second.SocketError);
  expect(await endings({ first: sockets[0].closed, second: sockets[1].closed })).toEqual({
    first: 'ECONNREFUSED',
    second: 'ECONNREFUSED',
  });
});

test('nothing was unhandled', () => expect(strays).toEqual([]));
