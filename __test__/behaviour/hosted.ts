/** Codes that only what a host decides brings about. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BindingConfig, createBinding } from 'wintersock';
import type { Credentials } from '../fixtures/pki.mjs';
import { reasonOf, refusal, type Seen, thrownBy } from './provocation.ts';
import { temporaryDirectory } from './trust.ts';
import { Peer } from './wire.ts';

const NOT_A_DIRECTORY = fileURLToPath(import.meta.url);

/** What a connection ends with that goes through a proxy which answers so. */
async function proxied(answer: string): Promise<Seen> {
  const proxy = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  });
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };
  try {
    const socket = createBinding({ proxy: `http://127.0.0.1:${port}` }).connect('db.example:5432');
    const { code, message } = await reasonOf(socket.opened);
    return { code, message, address: 'db.example:5432' };
  } finally {
    proxy.close();
  }
}

async function unix(path: string): Promise<Seen> {
  const { code, message } = await reasonOf(createBinding().connect(`unix:${path}`).opened);
  return { code, message, address: `unix:${path}` };
}

/** What `act` ends with on a connection of a binding. */
async function bound(
  config: BindingConfig,
  act: (connect: ReturnType<typeof createBinding>['connect'], peer: Peer) => Promise<Seen>,
): Promise<Seen> {
  await using peer = await Peer.open();
  const { code, message } = await act(createBinding(config).connect, peer);
  return { code, message, address: peer.address };
}

/** @param trusted A server's credentials, and the authority of it. */
export const hosted = (
  trusted: () => { ca: string; credentials: Credentials },
): [code: string, what: string, provoke: () => Promise<Seen>][] => [
  [
    'ERR_MAX_CONNECTIONS',
    'one more than there may be',
    () =>
      bound({ maxConnections: { limit: 1, whenFull: 'refuse' } }, async (connect, peer) => {
        const first = connect(peer.address);
        await first.opened;
        const error = thrownBy(() => connect(peer.address));
        await first.close();
        return error;
      }),
  ],
  [
    'ERR_IDLE_TIMEOUT',
    'nothing said',
    () =>
      bound({ idleTimeout: 20 }, (connect, peer) =>
        reasonOf(connect(peer.address).readable.getReader().read()),
      ),
  ],
  ['ENOENT', 'no socket at that path', async () => unix(join(await temporaryDirectory(), 'none'))],
  ['ENOTDIR', 'a file in the path', () => unix(join(NOT_A_DIRECTORY, 'socket'))],
  ['ERR_PROXY_AUTH', 'a proxy that wants to know who asks', () => proxied('HTTP/1.1 407 Who\r\n\r\n')],
  ['ERR_PROXY_REFUSED', 'a proxy that does not let it through', () => proxied('HTTP/1.1 403 No\r\n\r\n')],
  ['ERR_PROXY_PROTOCOL', 'a proxy that is none', () => proxied('220 mail ESMTP\r\n')],
  [
    'ERR_TLS_PIN',
    'another key than the one that was pinned',
    () => {
      const { ca, credentials } = trusted();
      return refusal({ credentials }, { ca, pins: [`sha256/${Buffer.alloc(32).toString('base64')}`] });
    },
  ],
];
