/** wintersock/node beside node:tls: what one connection has believed is of no use to the next, which may take up its session. */
import type { ConnectionOptions } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { asOptions, ca, forClients, good, ofStranger, securityOf, wrong } from './duplex/security.ts';
import { alone, closes, happens, perform, type Program, type Stage, twins } from './duplex/stage.ts';
import { ours } from './fixtures/duplex-sides.mjs';
import type { Credentials } from './fixtures/pki.mjs';

type Client = ConnectionOptions;

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const unknown = wrong['an unknown authority'] ?? good;
const other = wrong['another name'] ?? good;

/** Connects to the same server with one set of options after the other, and notes what becomes of each. Whether each took up a session. */
async function inTurn(at: Stage, server: object, clients: readonly Client[]): Promise<boolean[]> {
  const resumed: boolean[] = [];
  const listener = await at.listenTls(server);
  const greet = () => {
    listener.accepted().then((peer) => {
      peer.write('x');
      greet();
    });
  };
  greet();
  for (const client of clients) {
    const options = { port: listener.port, host: '127.0.0.1', servername: 'localhost', ca, ...client };
    const socket = at.keep(at.side.secure(options));
    const closed = closes(socket);
    socket.on('error', ({ code }: NodeJS.ErrnoException) => at.note('error', code));
    socket.on('secureConnect', () => at.note(securityOf(socket), socket.getPeerCertificate().subject.CN));
    // Tickets come before the first data.
    socket.on('data', () => {
      resumed.push(socket.isSessionReused());
      socket.destroy();
    });
    await closed;
  }
  return resumed;
}

describe.each(versions)('%s', (maxVersion) => {
  const server = (credentials: Credentials) => ({ ...asOptions(credentials), maxVersion });

  twins(`an unknown authority, accepted first: refused then, ${maxVersion}`, (at) =>
    inTurn(at, server(unknown), [{ rejectUnauthorized: false }, {}, { rejectUnauthorized: false }, {}]),
  );

  twins(`another name, accepted first: refused then, ${maxVersion}`, (at) =>
    inTurn(at, server(other), [
      { checkServerIdentity: () => undefined },
      {},
      { servername: 'other.test' },
      {},
    ]),
  );

  twins(`trusted with its own authority: refused with another, ${maxVersion}`, (at) =>
    inTurn(at, server(good), [{}, { ca: unknown.certPem }, {}, { ca: undefined }]),
  );

  twins(`checkServerIdentity is asked each time, ${maxVersion}`, async (at) => {
    let asked = 0;
    const checkServerIdentity = () => {
      asked += 1;
      return asked === 3 ? Object.assign(new Error('not again'), { code: 'EMINE' }) : undefined;
    };
    await inTurn(
      at,
      server(good),
      Array.from({ length: 4 }, () => ({ checkServerIdentity })),
    );
    at.note(asked);
  });

  twins(`the client certificate is that of the connection, ${maxVersion}`, async (at) => {
    const listener = await at.listenTls({
      ...server(good),
      requestCert: true,
      rejectUnauthorized: false,
      ca,
    });
    for (const client of [asOptions(forClients), {}, asOptions(ofStranger), asOptions(forClients)]) {
      const options = { port: listener.port, host: '127.0.0.1', servername: 'localhost', ca, ...client };
      const socket = at.keep(at.side.secure(options));
      const peer = await listener.accepted();
      peer.write('x');
      at.note(peer.authorized, peer.getPeerCertificate()?.subject?.CN ?? 'none');
      await happens(socket, 'data');
      socket.destroy();
    }
  });

  test.runIf(!alone)('a session is taken up, and says the same of the peer', async () => {
    const program: Program = async (at) => at.note(await inTurn(at, server(good), [{}, {}, {}]));
    const lines = await perform(ours, program);
    expect(lines.pop()).toBe('[false,true,true]');
    expect(lines).toHaveLength(3);
    expect(new Set(lines).size).toBe(1);
  });
});
