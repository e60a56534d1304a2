/** Options of startTls() over the configuration of a binding; whose sessions are shared; and what a process is warned of. */
import type { TlsOptions } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { type BindingConfig, createBinding, type StartTlsOptions } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { runNode } from './fixtures/node-process.mjs';
import { createAuthority, selfSigned } from './fixtures/pki.mjs';
import { asks, ca, cert, credentials, key, other, stranger } from './tls/parties.ts';
import { greeting, pinOf, secured, serve } from './tls/server.ts';

describe('over the configuration of a binding', () => {
  const host = (config: BindingConfig) => createBinding(config);
  async function under(config: BindingConfig, options: StartTlsOptions, server: TlsOptions = {}) {
    await using at = await serve(credentials, server);
    const heard = await greeting(secured(at, options, host(config)));
    return [heard, at.sessions[0]?.getPeerCertificate()?.subject?.CN];
  }
  const UNKNOWN = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';

  const cases: [string, BindingConfig, StartTlsOptions, string][] = [
    ['nothing is changed', { ca }, {}, 'hello'],
    ['ca is replaced', { ca }, { ca: other.certPem }, UNKNOWN],
    ['ca replaces extraCa, too', { extraCa: ca }, { ca: other.certPem }, UNKNOWN],
    ['extraCa adds', { extraCa: ca }, { extraCa: other.certPem }, 'hello'],
    ['extraCa adds to ca', { ca: other.certPem }, { extraCa: ca }, 'hello'],
    ['verification is turned off', {}, { rejectUnauthorized: false }, 'hello'],
    ['verification is turned on again', { verify: false }, { rejectUnauthorized: true }, UNKNOWN],
    ['verify wins over rejectUnauthorized', {}, { verify: true, rejectUnauthorized: false }, UNKNOWN],
    ['null is nothing', { ca }, { ca: null, verify: null, pins: null, keyLog: null }, 'hello'],
  ];
  test.concurrent.each(cases)('%s', async (_, config, options, heard) => {
    expect((await under(config, options))[0]).toBe(heard);
  });

  test.concurrent('who we are stays, unless it is replaced', async () => {
    const identity = { cert, key };
    const { certPem, keyPem } = stranger;
    expect(await under({ ...identity }, { ca }, asks)).toEqual(['hello', 'client']);
    const another = { ca, cert: certPem, key: keyPem };
    expect(await under({ ...identity }, another, asks)).toEqual(['hello', 'stranger']);
  });

  test.concurrent('versions stay, unless they are replaced', async () => {
    await using server = await serve(credentials);
    const binding = host({ ca, maxVersion: 'TLSv1.2' });
    const version = async (options: StartTlsOptions) => {
      const socket = secured(server, options, binding);
      const { tls } = await socket.opened;
      await socket.close();
      return tls?.version;
    };
    expect(await version({})).toBe('TLSv1.2');
    expect(await version({ maxVersion: 'TLSv1.3' })).toBe('TLSv1.3');
    expect(await version({ maxVersion: 'TLSv1.3', minVersion: 'TLSv1.3' })).toBe('TLSv1.3');
    expect(() => secured(server, { minVersion: 'TLSv1.3' }, binding)).toThrow(/`minVersion` is above/);
  });

  test.concurrent('protocols: those of startTls(), then of connect(), then of the binding', async () => {
    await using server = await serve(credentials, { ALPNProtocols: ['one', 'two', 'three'] });
    const binding = host({ ca, alpn: ['one'] });
    const agreed = async (options: StartTlsOptions, alpn?: string[]) => {
      const socket = secured(server, options, { ...binding, ...(alpn && { alpn }) });
      const { alpn: protocol } = await socket.opened;
      await socket.close();
      return protocol;
    };
    expect(await agreed({})).toBe('one');
    expect(await agreed({}, ['two'])).toBe('two');
    expect(await agreed({ alpn: ['three'] }, ['two'])).toBe('three');
    expect(await agreed({}, [])).toBeNull();
  });
});

describe('a host that says `verify: true` has the last word', () => {
  const binding = createBinding({ verify: true });
  const refused = { code: 'ERR_INVALID_OPTION', message: expect.stringContaining('the host has decided') };
  const thrownBy = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      return error;
    }
    throw new Error('it did not throw');
  };

  test.each([{ verify: false }, { rejectUnauthorized: false }])('startTls(%o)', async (options) => {
    const socket = binding.connect('127.0.0.1:1', { secureTransport: 'starttls' });
    expect(thrownBy(() => socket.startTls(options))).toMatchObject(refused);
    await socket.closed.catch(() => {});
  });

  test('a duplex', () => {
    const options = { host: '127.0.0.1', port: 1, secureTransport: 'on', binding } as const;
    expect(thrownBy(() => createConnection({ ...options, rejectUnauthorized: false }))).toMatchObject(
      refused,
    );
  });
});

describe('sessions', () => {
  async function resumed(...rounds: (() => StartTlsOptions)[]): Promise<boolean[]> {
    const fresh = await createAuthority();
    await using server = await serve(await fresh.issue({ names: ['localhost'] }));
    for (const options of rounds) {
      expect(await greeting(secured(server, { ca: fresh.certPem, ...options() }))).toBe('hello');
    }
    return server.resumed;
  }
  const nothing = () => ({});

  test.concurrent('are resumed by whoever says the same, in whatever form', async () => {
    const bag = () => ({ cert: Buffer.from(cert), key, extraCa: [other.certPem] });
    expect(await resumed(bag, bag)).toEqual([false, true]);
  });

  test.concurrent.each([
    ['another identity', nothing, () => ({ cert, key })],
    ['more authorities', nothing, () => ({ extraCa: other.certPem })],
    ['other versions', nothing, () => ({ minVersion: 'TLSv1.3' as const })],
    ['other protocols', nothing, () => ({ alpn: ['h2'] })],
  ])('not with %s', async (_, first, second) => {
    expect(await resumed(first, second)).toEqual([false, false]);
  });

  test.concurrent('not at all, if they are not to be', async () => {
    const off = () => ({ sessionResumption: false });
    expect(await resumed(off, off)).toEqual([false, false]);
  });
});

describe('a process is warned once that nothing is verified', () => {
  const program = `
    import { connect, createBinding } from 'wintersock';
    import { createConnection } from 'wintersock/node';
    const { how, port, pins } = JSON.parse(process.argv[1]);
    process.on('warning', ({ code }) => console.log(code));
    const plain = () => connect({ hostname: 'localhost', port }, { secureTransport: 'starttls' });
    const node = (options) => new Promise((resolve) => {
      const socket = createConnection({ host: 'localhost', port, secureTransport: 'on', ...options });
      socket.once('secureConnect', () => resolve(socket.destroy()));
    });
    const ways = {
      binding: () => createBinding({ verify: false }),
      drivers: () => plain().startTls({ rejectUnauthorized: false }).close(),
      pinned: () => plain().startTls({ verify: false, pins }).close(),
      node: () => node({ verify: false }),
      nodes: () => node({ rejectUnauthorized: false }),
    };
    await ways[how]();
    await ways[how]();
  `;
  test.concurrent.each([
    { how: 'binding', warned: ['WINTERSOCK_VERIFY_OFF'] },
    { how: 'drivers', warned: ['WINTERSOCK_VERIFY_OFF'] },
    { how: 'node', warned: ['WINTERSOCK_VERIFY_OFF'] },
    // As with node:tls: whoever asks for it is told by `authorized`.
    { how: 'nodes', warned: [] },
    { how: 'pinned', warned: [] },
  ])('$how: $warned', async ({ how, warned }) => {
    await using server = await serve(await selfSigned({ names: ['localhost'] }));
    const given = JSON.stringify({ how, port: server.port, pins: [pinOf(cert)] });
    const { code, stdout } = await runNode(['--input-type=module', '--eval', program, given]);
    expect([code, ...stdout.split('\n').filter(Boolean)]).toEqual([0, ...warned]);
  });
});
