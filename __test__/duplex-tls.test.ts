/** wintersock/node beside node:tls: TLS from the first byte. */
import type { TLSSocket } from 'node:tls';
import { describe } from 'vitest';
import { bothWays } from './duplex/bulk.ts';
import { stateOf } from './duplex/journal.ts';
import { ca, certificateOf, secured, securePair, securityOf } from './duplex/security.ts';
import { closes, happens, type Stage, turns, twins, until } from './duplex/stage.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { elaborateCertificate } from './fixtures/duplex-certificates.mjs';

const elaborate = {
  rsa: await elaborateCertificate('rsa'),
  ecdsa: await elaborateCertificate('ecdsa'),
};

/** All that a peer hears, until its connection ends. */
async function heardBy(peer: TLSSocket): Promise<string> {
  let text = '';
  peer.setEncoding('latin1').on('data', (data: string) => {
    text += data;
  });
  await happens(peer, 'end');
  return text;
}

describe('a life with TLS', () => {
  twins('its events, and what it says of itself', async (at) => {
    const { listener, socket } = await secured(at);
    at.journal.watch(socket, { bare: true });
    at.note(socket.encrypted, socket.authorized, socket.connecting);
    socket.on('connect', () => at.note(socket.encrypted, socket.authorized));
    socket.on('secureConnect', () => {
      at.note(securityOf(socket), socket.servername, socket.isSessionReused());
      at.note(stateOf(socket));
    });
    socket.on('data', (data) => at.note('data', String(data)));
    const peer = await listener.accepted();
    const heard = heardBy(peer);
    peer.end('hello');
    await closes(socket);
    at.note(await heard, socket.encrypted);
  });

  twins('writes before the handshake wait, and are called back in order', async (at) => {
    const { listener, socket } = await secured(at);
    socket.write('one ', at.journal.callback('one'));
    socket.on('connect', () => socket.write('two ', at.journal.callback('two')));
    socket.on('secureConnect', () => {
      at.note('secureConnect');
      socket.write('three ', at.journal.callback('three'));
      socket.end('end', at.journal.callback('end'));
    });
    const peer = await listener.accepted();
    const heard = await heardBy(peer);
    peer.end();
    await closes(socket.resume());
    at.note(heard);
  });

  twins('our end first: what the peer sends is still read', async (at) => {
    const { socket, peer } = await securePair(at);
    at.journal.watch(socket, { bare: true });
    const heard = heardBy(peer);
    socket.end('question');
    at.note(await heard);
    await until(() => socket.writableFinished);
    socket.on('data', (data) => at.note('data', String(data)));
    peer.end('answer');
    await closes(socket);
  });

  twins('allowHalfOpen: the peer ends first', async (at) => {
    const { socket, peer } = await securePair(at, {}, { allowHalfOpen: true } as object);
    at.journal.watch(socket, { bare: true });
    const heard = heardBy(peer);
    socket.on('data', (data) => at.note('data', String(data)));
    peer.end('first');
    await happens(socket, 'end');
    await turns(5);
    at.note(stateOf(socket));
    socket.write('still ');
    socket.end('here');
    await closes(socket);
    at.note(await heard);
  });

  twins('destroy() while connecting, at the handshake and later', async (at) => {
    for (const event of ['', 'connect', 'secureConnect', 'data']) {
      const { listener, socket } = await secured(at);
      listener.accepted().then((peer) => peer.write('x'));
      at.journal.watch(socket, { name: event, bare: true });
      socket.resume();
      if (event === '') socket.destroy();
      else socket.on(event, () => socket.destroy());
      await closes(socket);
      at.note(socket.destroyed, socket.authorized);
    }
  });

  twins('the peer resets', async (at) => {
    const { listener, socket } = await secured(at);
    await Promise.all([listener.accepted(), happens(socket, 'secureConnect')]);
    at.journal.watch(socket, { bare: true });
    socket.resume();
    listener.reset();
    await closes(socket);
  });

  twins('the peer ends TCP without a word of TLS: a clean end, as servers rely on it', async (at) => {
    const { listener, socket } = await secured(at);
    const [peer] = await Promise.all([listener.accepted(), happens(socket, 'secureConnect')]);
    at.journal.watch(socket, { bare: true });
    socket.on('data', (data) => at.note('data', String(data)));
    peer.write('cut', () => peer.destroy());
    await closes(socket);
  });

  twins('nobody listens', async (at) => {
    const port = await closedPort();
    const socket = at.keep(at.side.secure({ port, host: '127.0.0.1', ca }));
    for (const event of ['connect', 'secureConnect', 'end']) socket.on(event, () => at.note(event));
    socket.on('error', (error: NodeJS.ErrnoException & { port?: number }) =>
      at.note(error.code, error.syscall, error.port === port),
    );
    await closes(socket);
    at.note(socket.encrypted, socket.authorized);
  });

  twins('setTimeout() during the handshake', async (at) => {
    const listener = await at.listen();
    const socket = at.keep(at.side.secure({ port: listener.port, host: '127.0.0.1', ca }));
    socket.setTimeout(50);
    await happens(socket, 'timeout');
    at.note('timeout', socket.authorized);
    socket.destroy();
    await closes(socket);
  });

  twins('addresses and bytes', async (at) => {
    const { socket, peer } = await securePair(at);
    peer.write('hello');
    await happens(socket, 'data');
    socket.write('four');
    at.note(socket.remoteAddress, socket.remoteFamily, socket.remotePort === peer.localPort);
    at.note(socket.localPort === peer.remotePort, socket.address());
    at.journal.lines.push(String(at.journal.lines.pop()).replace(/"port":\d+/, '"port":0'));
    at.note(socket.bytesRead, socket.bytesWritten);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    twins(`64 MiB each way at once, ${version}`, async (at) => {
      const { socket, peer } = await securePair(at, { maxVersion: version });
      at.note(socket.getProtocol(), await bothWays(socket, peer));
    });
  }
});

describe('what was agreed on', () => {
  const ciphers = {
    'TLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    'TLSv1.2': [
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES256-GCM-SHA384',
      'ECDHE-RSA-CHACHA20-POLY1305',
    ],
  } as const;
  for (const [version, names] of Object.entries(ciphers)) {
    for (const name of names) {
      twins(`${version}, ${name}`, async (at) => {
        const certificate = name.includes('RSA') ? elaborate.rsa : elaborate.ecdsa;
        const { cert, key } = certificate;
        const kind = { cert, key, ciphers: name, maxVersion: version as 'TLSv1.2' };
        const { socket } = await securePair(at, kind, { ca: certificate.ca });
        at.note(socket.getProtocol(), socket.getCipher());
      });
    }
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    twins(`minVersion and maxVersion ${version}`, async (at) => {
      const { socket } = await securePair(at, {}, { minVersion: version, maxVersion: version });
      at.note(socket.getProtocol());
    });
  }

  const offers: Record<string, string[] | Uint8Array> = {
    names: ['h2', 'http/1.1'],
    'the wire format': Buffer.from('\x02h2\x08http/1.1'),
    'one that is unknown, and one that is not': ['what', 'http/1.1'],
  };
  for (const [name, ALPNProtocols] of Object.entries(offers)) {
    twins(`ALPNProtocols: ${name}`, async (at) => {
      const server = { ALPNProtocols: ['http/1.1', 'h2'] };
      const { socket, peer } = await securePair(at, server, { ALPNProtocols });
      at.note(socket.alpnProtocol, peer.alpnProtocol);
    });
  }

  twins('ALPNProtocols, and a server that knows nothing of it', async (at) => {
    const { socket } = await securePair(at, {}, { ALPNProtocols: ['h2'] });
    at.note(socket.alpnProtocol);
  });

  twins('servername is what is sent', async (at) => {
    const { socket, peer } = await securePair(at, {}, { servername: 'localhost' });
    at.note(socket.servername, peer.servername);
  });
});

describe("the peer's certificate", () => {
  /** All that is told of it. */
  function told(at: Stage, socket: TLSSocket): void {
    at.note(certificateOf(socket.getPeerCertificate()));
    at.note(certificateOf(socket.getPeerCertificate(false)));
    at.note(certificateOf(socket.getPeerCertificate(true)));
    const x509 = socket.getPeerX509Certificate();
    at.note(x509?.constructor.name, x509?.subject, x509?.raw.toString('hex'));
  }

  for (const [kind, { ca, cert, key }] of Object.entries(elaborate)) {
    twins(`with names of many kinds, ${kind}`, async (at) => {
      const { socket } = await securePair(at, { cert, key }, { ca });
      told(at, socket);
    });

    twins(`whose authority is sent too, ${kind}`, async (at) => {
      const { socket } = await securePair(at, { cert: `${cert}\n${ca}`, key }, { ca });
      told(at, socket);
    });
  }

  twins('when the socket has closed, and before it was connected', async (at) => {
    const { socket } = await securePair(at);
    socket.destroy();
    await closes(socket);
    at.note(certificateOf(socket.getPeerCertificate() ?? {}).length > 0);
  });

  twins('is there for each connection to the same server', async (at) => {
    const { cert, key } = elaborate.ecdsa;
    const listener = await at.listenTls({ cert, key });
    for (let count = 0; count < 3; count += 1) {
      const options = { port: listener.port, host: '127.0.0.1', servername: 'localhost' };
      const socket = at.keep(at.side.secure({ ...options, ca: elaborate.ecdsa.ca }));
      const [peer] = await Promise.all([listener.accepted(), happens(socket, 'secureConnect')]);
      // Tickets come with it.
      peer.write('x');
      await happens(socket, 'data');
      at.note(certificateOf(socket.getPeerCertificate()), securityOf(socket));
      socket.destroy();
    }
  });
});
