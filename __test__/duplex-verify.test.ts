/** wintersock/node beside node:tls: which peers are believed, and how handshakes fail. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import {
  asOptions,
  ca,
  forClients,
  good,
  ofStranger,
  secured,
  securePair,
  securityOf,
  wrong,
} from './duplex/security.ts';
import { alone, closes, happens, perform, type Program, type Stage, turns, twins } from './duplex/stage.ts';
import { ours } from './fixtures/duplex-sides.mjs';

const HOST = '127.0.0.1';

/** Notes how a connection that was refused ends. */
async function refused(at: Stage, socket: TLSSocket): Promise<void> {
  at.journal.watch(socket, { bare: true });
  await closes(socket);
  at.note(socket.authorized, socket.destroyed);
}

/** Ours has names for what OpenSSL numbers: docs/errors.md. */
const named = (theirs: RegExp, own: string, because: string) => ({
  because,
  ours: (lines: string[]) => lines.map((line) => line.replace(theirs, own)),
});

describe('certificates that are wrong', () => {
  const { 'no name': nameless = good, ...others } = wrong;

  twins(
    'no name but a common one',
    async (at) => {
      const { socket } = await securePair(at, asOptions(nameless), { rejectUnauthorized: false });
      const { authorized, authorizationError } = securityOf(socket);
      at.note(authorized, authorizationError);
    },
    {
      differs: {
        because: 'only subject alternative names count',
        ours: () => ['false ERR_TLS_CERT_ALTNAME_INVALID'],
      },
    },
  );

  for (const [name, credentials] of Object.entries(others)) {
    twins(`${name}: refused`, async (at) => {
      const { socket } = await secured(at, asOptions(credentials));
      await refused(at, socket);
    });

    twins(`${name}: told with rejectUnauthorized false`, async (at) => {
      const client = { rejectUnauthorized: false };
      const { socket, peer } = await securePair(at, asOptions(credentials), client);
      at.note(securityOf(socket), socket.getPeerCertificate().subject?.CN);
      peer.write('hello');
      at.note(String((await happens(socket, 'data'))[0]));
    });
  }

  twins('nothing is trusted by default', async (at) => {
    const { socket } = await secured(at, {}, { ca: undefined });
    await refused(at, socket);
  });

  twins('several authorities, as a list, as bytes and in one text', async (at) => {
    const several = [[ca, wrong['signed by itself']?.certPem ?? ''], Buffer.from(ca), [Buffer.from(ca)]];
    for (const trusted of [...several, `${wrong['expired']?.certPem}${ca}`]) {
      const { socket } = await securePair(at, {}, { ca: trusted });
      at.note(socket.authorized);
    }
  });

  twins('an address instead of a name', async (at) => {
    const { socket } = await securePair(at, {}, { servername: '' });
    at.note(securityOf(socket));
  });

  twins('an address that the certificate does not name', async (at) => {
    const { socket } = await secured(at, asOptions(wrong['another name'] ?? good), { servername: '' });
    await refused(at, socket);
  });

  twins('writes before it is refused: the server sees nothing of them', async (at) => {
    const listener = await at.listenTls(asOptions(wrong['an unknown authority'] ?? good));
    const options = { port: listener.port, host: HOST, servername: 'localhost', ca };
    const socket = at.keep(at.side.secure(options));
    let heard = 0;
    listener.accepted().then((peer) => peer.on('data', ({ length }) => (heard += length)));
    socket.write('secret');
    await refused(at, socket);
    await turns(5);
    at.note(heard);
  });
});

describe('checkServerIdentity', () => {
  twins('is asked with the name and the certificate', async (at) => {
    const checkServerIdentity = (hostname: string, { subject, raw }: PeerCertificate) => {
      at.note('asked', hostname, subject.CN, raw.length > 100);
      return undefined;
    };
    const { socket } = await securePair(at, {}, { checkServerIdentity });
    at.note(securityOf(socket));
  });

  twins('accepts another name', async (at) => {
    const server = asOptions(wrong['another name'] ?? good);
    const { socket } = await securePair(at, server, { checkServerIdentity: () => undefined });
    at.note(securityOf(socket));
  });

  twins('refuses with an error of its own', async (at) => {
    const reason = Object.assign(new Error('not that one'), { code: 'EMINE' });
    const { socket } = await secured(at, {}, { checkServerIdentity: () => reason });
    socket.on('error', (error) => at.note(error === reason));
    await refused(at, socket);
  });

  twins('refuses, with rejectUnauthorized false: it is told', async (at) => {
    const reason = Object.assign(new Error('not that one'), { code: 'EMINE' });
    const client = { checkServerIdentity: () => reason, rejectUnauthorized: false };
    const { socket } = await securePair(at, {}, client);
    at.note(securityOf(socket));
  });

  twins('is not asked about an authority that is unknown', async (at) => {
    const checkServerIdentity = () => {
      at.note('asked');
      return undefined;
    };
    const { socket } = await secured(at, asOptions(wrong['an unknown authority'] ?? good), {
      checkServerIdentity,
    });
    await refused(at, socket);
  });

  twins('throws', async (at) => {
    const checkServerIdentity = () => {
      throw new Error('broken');
    };
    const caught = new Promise<void>((resolve) => {
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const listener of listeners) process.on('uncaughtException', listener);
        at.note('uncaught', error.message);
        resolve();
      });
    });
    const { socket } = await secured(at, {}, { checkServerIdentity });
    socket.on('secureConnect', () => at.note('secureConnect')).on('error', () => {});
    await caught;
    at.note(socket.authorized);
  });
});

describe('client certificates', () => {
  const demanding = { requestCert: true, ca, rejectUnauthorized: true };

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    twins(`one that the server trusts, ${version}`, async (at) => {
      const server = { ...demanding, maxVersion: version };
      const { socket, peer } = await securePair(at, server, asOptions(forClients));
      at.note(socket.authorized, peer.authorized, peer.getPeerCertificate().subject.CN);
    });

    twins(
      `none, ${version}`,
      async (at) => {
        const { socket } = await secured(at, { ...demanding, maxVersion: version });
        socket.on('error', ({ code }: NodeJS.ErrnoException) => at.note(code));
        await closes(socket.resume());
      },
      {
        differs: named(
          /^(ERR_SSL_\S+|EPROTO|ECONNRESET)$/,
          'ERR_TLS_ALERT',
          'its code names the alert and not a line of OpenSSL',
        ),
      },
    );

    twins(`one of a stranger, ${version}`, async (at) => {
      const server = { ...demanding, maxVersion: version };
      const { socket } = await secured(at, server, asOptions(ofStranger));
      socket.on('error', ({ code }: NodeJS.ErrnoException) => at.note(code));
      await closes(socket.resume());
      at.note('closed');
    });
  }
});

describe('handshakes that fail', () => {
  const code = (at: Stage, socket: TLSSocket) =>
    socket.on('error', ({ code }: NodeJS.ErrnoException) => at.note(code));

  twins(
    'the server speaks plain text',
    async (at) => {
      const listener = await at.listen();
      listener.accepted().then((peer) => peer.write('220 mail.test ESMTP ready\r\n'));
      const socket = at.keep(at.side.secure({ port: listener.port, host: HOST, ca }));
      await closes(code(at, socket));
    },
    { differs: named(/^(ERR_SSL_\S+|EPROTO)$/, 'ERR_TLS_PROTOCOL', 'its code is not a line of OpenSSL') },
  );

  twins(
    'the server speaks none of the protocols',
    async (at) => {
      const server = { ALPNProtocols: ['h2'] };
      const { socket } = await secured(at, server, { ALPNProtocols: ['imap'] });
      await closes(code(at, socket));
    },
    { differs: named(/^(ERR_SSL_\S+|EPROTO)$/, 'ERR_TLS_ALPN', 'its code is not a line of OpenSSL') },
  );

  twins(
    'no version in common',
    async (at) => {
      const { socket } = await secured(at, { maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' });
      await closes(code(at, socket));
    },
    {
      differs: named(/^(ERR_SSL_\S+|EPROTO)$/, 'ERR_TLS_ALERT', 'its code is not a line of OpenSSL'),
    },
  );

  const goings = {
    'ends before it has said anything': 'end',
    'closes before it has said anything': 'destroy',
    'resets before it has said anything': 'resetAndDestroy',
  } as const;
  for (const [name, going] of Object.entries(goings)) {
    twins(`the server ${name}`, async (at) => {
      const listener = await at.listen();
      listener.accepted().then((peer) => peer.once('data', () => peer[going]()));
      const socket = at.keep(at.side.secure({ port: listener.port, host: HOST, ca }));
      await closes(code(at, socket));
      at.note(socket.authorized);
    });
  }
});

describe.runIf(!alone)('options that cannot be honoured are refused at once', () => {
  const refusals: Record<string, [object, string]> = {
    'a CA that is none': [{ ca: 'nonsense' }, 'ERR_INVALID_CA'],
    'a certificate without its key': [{ cert: forClients.certPem }, 'ERR_INVALID_OPTION'],
    'a key of another certificate': [{ cert: forClients.certPem, key: ofStranger.keyPem }, 'ERR_INVALID_KEY'],
    'a key that is none': [{ cert: forClients.certPem, key: 'nonsense' }, 'ERR_INVALID_KEY'],
    'a certificate that is none': [{ cert: 'nonsense', key: forClients.keyPem }, 'ERR_INVALID_CERT'],
    pfx: [{ pfx: Buffer.alloc(1) }, 'ERR_INVALID_OPTION'],
    'a pin that is none': [{ pins: ['sha256/short'] }, 'ERR_INVALID_OPTION'],
    'revocation lists': [{ crl: 'x' }, 'ERR_INVALID_OPTION'],
    'a name that is none': [{ servername: 'a..b' }, 'ERR_INVALID_SNI'],
    'only old versions': [{ maxVersion: 'TLSv1.1' }, 'ERR_INVALID_OPTION'],
  };
  for (const [name, [options, wanted]] of Object.entries(refusals)) {
    test(name, async () => {
      const program: Program = async (at) => {
        at.journal.attempt('', () => at.side.secure({ port: 1, host: HOST, ...options }));
      };
      expect(await perform(ours, program)).toEqual([` throws ${wanted}`]);
    });
  }
});
