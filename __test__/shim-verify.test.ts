/** The stand-in for node:tls beside node:tls: who is believed. Never less is refused. */
import { once } from 'node:events';
import nodeTls from 'node:tls';
import { describe } from 'vitest';
import { createAuthority } from './fixtures/pki.mjs';
import { authority, both, exchanged, secureEcho } from './shim/modules.ts';

const ca = authority.certPem;

describe('refuses', () => {
  /** The code of the error, and whether the socket closed with it, without ever having been secure. */
  async function failure(socket: nodeTls.TLSSocket): Promise<unknown> {
    const events: unknown[] = [];
    socket.on('secureConnect', () => events.push('secureConnect'));
    socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code));
    await new Promise<void>((resolve) => {
      socket.on('close', (hadError) => {
        events.push(hadError);
        resolve();
      });
    });
    return events;
  }

  both(
    'an unknown authority',
    async ({ tls }) => failure(tls.connect({ port: await secureEcho(), host: 'localhost' })),
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true],
  );

  both(
    'another authority',
    async ({ tls }) => {
      const { certPem } = await createAuthority({ commonName: 'a stranger' });
      const secureContext = tls.createSecureContext({ ca: certPem });
      return failure(tls.connect({ port: await secureEcho(), secureContext, ca }));
    },
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true],
  );

  both(
    'a wrong name',
    async ({ tls }) => failure(tls.connect({ port: await secureEcho(), host: '127.0.0.1', ca })),
    ['ERR_TLS_CERT_ALTNAME_INVALID', true],
  );

  both(
    'what checkServerIdentity() refuses',
    async ({ tls }) => {
      const seen: unknown[] = [];
      const checkServerIdentity = (host: string, { subject }: nodeTls.PeerCertificate) => {
        seen.push(host, subject.CN);
        return Object.assign(new Error('not him'), { code: 'NOT_HIM' });
      };
      const events = await failure(
        tls.connect({ port: await secureEcho(), host: 'localhost', ca, checkServerIdentity }),
      );
      return [seen, events];
    },
    [
      ['localhost', 'localhost'],
      ['NOT_HIM', true],
    ],
  );

  both(
    'nothing, if it is told so, and says what is wrong',
    async ({ tls }) => {
      const socket = tls.connect({ port: await secureEcho(), host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { authorized, authorizationError } = socket;
      return { authorized, authorizationError, answer: await exchanged(socket) };
    },
    { authorized: false, authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', answer: 'hello' },
  );

  both(
    'an old version of TLS, as an option, of a context or of the process',
    async ({ tls }) => {
      const port = await secureEcho({ maxVersion: 'TLSv1.2' });
      const least: { minVersion: 'TLSv1.3' } = { minVersion: 'TLSv1.3' };
      const codes = [
        await failure(tls.connect({ port, ca, ...least })),
        await failure(tls.connect({ port, secureContext: tls.createSecureContext({ ca, ...least }) })),
      ];
      const usual = nodeTls.DEFAULT_MIN_VERSION;
      try {
        tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
        codes.push(await failure(tls.connect({ port, ca })));
      } finally {
        nodeTls.DEFAULT_MIN_VERSION = usual;
      }
      return codes.map(
        (events) => (events as unknown[]).length === 2 && !(events as unknown[]).includes('secureConnect'),
      );
    },
    [true, true, true],
  );

  both(
    'a new version of TLS',
    async ({ tls }) => {
      const socket = tls.connect({ port: await secureEcho(), ca, maxVersion: 'TLSv1.2' });
      await once(socket, 'secureConnect');
      const protocol = socket.getProtocol();
      return [protocol, await exchanged(socket)];
    },
    ['TLSv1.2', 'hello'],
  );

  const { setDefaultCACertificates, getCACertificates } = nodeTls as unknown as {
    setDefaultCACertificates?(certificates: readonly string[]): void;
    getCACertificates(type: string): readonly string[];
  };
  // Node 22.19 and later.
  if (setDefaultCACertificates) {
    both(
      'what the process no longer trusts',
      async ({ tls }) => {
        const usual = getCACertificates('default');
        const port = await secureEcho();
        try {
          setDefaultCACertificates([ca]);
          const trusted = await exchanged(tls.connect({ port, host: 'localhost' }));
          setDefaultCACertificates(usual);
          return [trusted, await failure(tls.connect({ port, host: 'localhost' }))];
        } finally {
          setDefaultCACertificates(usual);
        }
      },
      ['hello', ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true]],
    );
  }
});
