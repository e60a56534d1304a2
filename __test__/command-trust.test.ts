/** A certificate that is refused: which link of the chain is the trouble, and what to do. */

import { beforeAll, describe, expect, test } from 'vitest';
import { farewell, serveTls, shown } from './command/server.ts';
import { command, file, reportOf } from './command/stage.ts';
import {
  type Authority,
  type Credentials,
  createAuthority,
  createIntermediate,
  type Intermediate,
  selfSigned,
} from './fixtures/pki.mjs';

let authority: Authority;
let between: Intermediate;
let ca: string;

const day = 86_400_000;
const names = ['localhost', '127.0.0.1'];
const inDays = (days: number) => new Date(Date.now() + days * day);

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'the root' });
  between = await createIntermediate(authority, { commonName: 'the intermediate' });
  ca = await file('authority.pem', authority.certPem);
});

interface Case {
  what: string;
  make: () => Promise<Credentials>;
  code: string;
  problems: RegExp[][];
  missingIssuer?: string;
  hint?: RegExp;
}

const cases: Case[] = [
  {
    what: 'has expired',
    make: () => authority.issue({ names, notBefore: inDays(-20), notAfter: inDays(-10) }),
    code: 'CERT_HAS_EXPIRED',
    problems: [[/^expired on 20/]],
  },
  {
    what: 'is not valid yet',
    make: () => authority.issue({ names, notBefore: inDays(10), notAfter: inDays(20) }),
    code: 'CERT_NOT_YET_VALID',
    problems: [[/^not valid before 20/]],
  },
  {
    what: 'is for another name',
    make: () => authority.issue({ names: ['db.example', '*.db.example'] }),
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    problems: [[/^not for localhost$/]],
    hint: /^it is for db\.example, \*\.db\.example; connect by a name that it has, or pass --sni name$/,
  },
  {
    what: 'is for no name',
    make: () => authority.issue({ names: [], commonName: 'localhost' }),
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    problems: [[/^not for localhost$/]],
    hint: /^it is for no name at all/,
  },
  {
    what: 'has signed itself',
    make: () => selfSigned({ names }),
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    problems: [[/^signed by itself, and not trusted here$/]],
    hint: /or accept this key alone: --insecure --pin sha256\//,
  },
  {
    what: 'comes without its intermediate authority',
    make: async () => {
      const issued = await authority.issue({ names, via: between });
      return { ...issued, chainPem: issued.certPem };
    },
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    problems: [[]],
    missingIssuer: 'CN=the intermediate',
    hint: /^if you trust CN=the intermediate, pass its certificate: --extra-ca file; if it is an intermediate/,
  },
  {
    what: 'is meant for clients',
    make: () => authority.issue({ names, client: true }),
    code: 'INVALID_PURPOSE',
    problems: [[/^not meant for servers of TLS$/]],
  },
];

describe('the server certificate', () => {
  test.each(cases)('$what', async ({ make, code, problems, missingIssuer = null, hint }) => {
    const address = await serveTls(shown(await make()));
    const report = await reportOf(address, '--tls', '--ca', ca);
    expect(report).toMatchObject({
      exitCode: 3,
      error: { code },
      tls: { trusted: false, reason: code, missingIssuer },
    });
    expect(report.certificates.map((certificate) => certificate.problems)).toEqual(
      problems.map((texts) => texts.map((text) => expect.stringMatching(text))),
    );
    expect(report.hints).toEqual(hint === undefined ? [] : [expect.stringMatching(hint)]);
  });
});

describe('an authority that is not known', () => {
  const stranger = async () => {
    const other = await createAuthority({ commonName: 'a stranger' });
    const below = await createIntermediate(other, { commonName: 'below a stranger' });
    return { other, issued: await other.issue({ names, via: below }) };
  };

  test('is named, after the chain as far as it came', async () => {
    const { issued } = await stranger();
    const address = await serveTls(shown(issued));
    const { code, stdout, stderr } = await command([address, '--tls', '--ca', ca], { input: 'secret' });
    expect([code, stdout.length]).toEqual([3, 0]);
    expect(stderr).toContain('certificate 2\n  subject    CN=below a stranger\n  issuer     CN=a stranger\n');
    expect(stderr).toContain('(UNABLE_TO_GET_ISSUER_CERT_LOCALLY)\n');
    expect(stderr).toContain(
      'hint         if you trust CN=a stranger, pass its certificate: --extra-ca file',
    );
  });

  test('is told apart from one that is sent and not trusted', async () => {
    const { other, issued } = await stranger();
    const address = await serveTls(shown({ ...issued, chainPem: issued.chainPem + other.certPem }));
    const { certificates, error, hints } = await reportOf(address, '--tls', '--ca', ca);
    expect(error?.code).toBe('SELF_SIGNED_CERT_IN_CHAIN');
    expect(certificates.map(({ problems }) => problems)).toEqual([
      [],
      [],
      ['a root that is not trusted here'],
    ]);
    expect(hints).toEqual(['if you know it, trust it: --extra-ca file']);
  });

  test('is told apart from a namesake that is sent', async () => {
    const [other, namesake] = await Promise.all(
      [1, 2].map(() => createAuthority({ commonName: 'a stranger' })),
    );
    const issued = await (other as Authority).issue({ names });
    const chainPem = issued.certPem + (namesake as Authority).certPem;
    const address = await serveTls(shown({ ...issued, chainPem }));
    const { code, stderr } = await command([address, '--tls', '--ca', ca, '--check']);
    expect(stderr).toContain(
      'warning      certificate 2 (CN=a stranger) has the name of the issuer, but not the key that has signed',
    );
    expect(stderr).toContain('hint         if you trust CN=a stranger');
    expect(code).toBe(3);
  });

  test('is trusted with --extra-ca, as the hint says', async () => {
    const { other, issued } = await stranger();
    const address = await serveTls(shown(issued));
    const extra = await file('stranger.pem', other.certPem);
    expect(await reportOf(address, '--tls', '--ca', ca, '--extra-ca', extra)).toMatchObject({ ok: true });
  });
});

test('what looks at a refused chain sends no data and no certificate of ours', async () => {
  const client = await authority.issue({ names: [], commonName: 'alice', client: true });
  const other = await selfSigned({ names });
  let received = 0;
  const clients: unknown[] = [];
  const address = await serveTls(
    { ...shown(other), requestCert: true, rejectUnauthorized: false },
    (socket) => {
      clients.push(socket.getPeerCertificate().subject);
      socket.on('data', ({ length }: Buffer) => {
        received += length;
      });
    },
  );
  const cert = await file('client.pem', client.chainPem);
  const key = await file('client.key', client.keyPem);
  const argv = [address, '--tls', '--ca', ca, '--cert', cert, '--key', key];
  const { code, stderr } = await command(argv, { input: 'for the right server only' });
  expect(stderr).toContain('subject    CN=localhost');
  expect([code, received, clients]).toEqual([3, 0, [undefined]]);
});

test('a certificate that is not part of the chain is a warning, whatever else is wrong with it', async () => {
  const issued = await authority.issue({ names, via: between });
  const { certPem: other } = await selfSigned({ names: ['other.example'], notAfter: inDays(-1) });
  const chainPem = issued.certPem + other + between.certPem;
  const address = await serveTls(shown({ ...issued, chainPem }));
  const { ok, certificates, warnings } = await reportOf(address, '--tls', '--ca', ca);
  expect([ok, certificates.flatMap(({ problems }) => problems)]).toEqual([true, []]);
  // Those of the fixture are short-lived.
  expect(warnings.filter((warning) => !warning.includes('expires'))).toEqual([
    'certificate 2 (CN=other.example) is not part of the chain',
  ]);
});

describe('a certificate that expires soon', () => {
  test.each([
    [30, []],
    [29, [expect.stringMatching(/\(CN=localhost\) expires in 29 days$/)]],
    [14, [expect.stringMatching(/\(CN=localhost\) expires in 14 days$/)]],
    [13, [expect.stringMatching(/\(CN=localhost\) expires in 13 days: renew it now$/)]],
    [1, [expect.stringMatching(/expires in 1 day: renew it now$/)]],
  ])('in %i days', async (days, expected) => {
    const address = await serveTls(shown(await authority.issue({ names, notAfter: inDays(days + 0.5) })));
    const { ok, warnings, certificates } = await reportOf(address, '--tls', '--ca', ca);
    expect([ok, certificates[0]?.daysLeft]).toEqual([true, days]);
    expect(warnings).toEqual(expected);
  });
});

describe('--insecure', () => {
  test('accepts what is refused otherwise, and says what is wrong and what that means', async () => {
    const address = await serveTls(shown(await selfSigned({ names: ['elsewhere'] })), (socket) =>
      farewell(socket, 'data'),
    );
    const { code, stdout, stderr } = await command([address, '--tls', '--insecure'], { input: '' });
    expect([code, stdout.toString()]).toEqual([0, 'data']);
    expect(stderr).toMatch(/^trusted {6}no \(\w+\): .*signed by itself/m);
    expect(stderr).toMatch(/^warning {6}--insecure: anybody/m);
  });

  test('with --pin accepts that key alone, as the hint says', async () => {
    const credentials = await selfSigned({ names });
    const address = await serveTls(shown(credentials));
    const refused = await reportOf(address, '--tls', '--ca', ca);
    const pin = refused.certificates[0]?.pin ?? '';
    expect(refused.hints.join()).toContain(pin);
    const pinned = await reportOf(address, '--tls', '--insecure', '--pin', pin);
    expect([pinned.ok, pinned.warnings.join()]).toEqual([true, expect.not.stringContaining('--insecure')]);
    const wrong = `sha256/${Buffer.alloc(32, 7).toString('base64')}`;
    const report = await reportOf(address, '--tls', '--insecure', '--pin', wrong);
    expect(report).toMatchObject({ exitCode: 3, error: { code: 'ERR_TLS_PIN' } });
    expect(report.certificates[0]?.pin).toBe(pin);
  });
});
