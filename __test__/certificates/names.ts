/** Whether a certificate is for the name that was asked for. */
import { accepted, type Case, lenient, refused, strict } from './case.ts';
import type { Profile } from './tree.ts';

/** A certificate for `names`, asked for `name`. */
const named = (names: readonly string[], name: string, profile: Profile = {}): Case['make'] => {
  return ({ serve }) => serve({ names, ...profile }, { name });
};

const CODE = 'ERR_TLS_CERT_ALTNAME_INVALID';
const right = (title: string, names: string[], name: string): Case => accepted(title, named(names, name));
const wrong = (title: string, names: string[], name: string, profile?: Profile): Case =>
  refused(title, named(names, name, profile), CODE, new RegExp(`not valid for ${name}`));
/** node:tls accepts it. */
const stricter = (title: string, names: string[], name: string, why: string, profile?: Profile): Case =>
  strict(title, named(names, name, profile), [CODE, new RegExp(`not valid for ${name}`)], 'accepted', why);

const DB = 'db.example.org';

export const names: Case[] = [
  right('the name', [DB], DB),
  right('the name in capitals', ['DB.Example.ORG'], DB),
  right('one of several names', ['a.example.org', DB], DB),
  wrong('another name', ['db.example.com'], DB),
  right('`*.example.org` for `db.example.org`', ['*.example.org'], DB),
  wrong('`*.example.org` for `a.db.example.org`', ['*.example.org'], 'a.db.example.org'),
  wrong('`*.example.org` for `example.org`', ['*.example.org'], 'example.org'),
  wrong('`db.*.org` for `db.example.org`', ['db.*.org'], DB),
  wrong('`*.org` for `example.org`', ['*.org'], 'example.org'),
  wrong('`*` for `localhost`', ['*'], 'localhost'),
  stricter(
    '`d*.example.org` for `db.example.org`',
    ['d*.example.org'],
    DB,
    'RFC 9525 has the wildcard as a whole label only.',
  ),
  stricter(
    'the common name, and no alternative name',
    [],
    DB,
    'RFC 9525: a common name is no name of a server.',
    { subject: DB },
  ),
  wrong('the common name, and another alternative name', ['db.example.com'], DB, { subject: DB }),
  right('the name of one label', ['database'], 'database'),
  right('a name with an underscore', ['my_db.example.org'], 'my_db.example.org'),
  right('a punycode name', ['xn--bcher-kva.example.org'], 'xn--bcher-kva.example.org'),
  right('`*.example.org` for a punycode name', ['*.example.org'], 'xn--bcher-kva.example.org'),
  right('the name, asked for with a dot at its end', [DB], `${DB}.`),
  stricter(
    'the name with a dot at its end, asked for without',
    [`${DB}.`],
    DB,
    'RFC 5280: a name in a certificate has no dot at its end.',
  ),
  right('the IPv4 address', ['127.0.0.1'], '127.0.0.1'),
  wrong('another IPv4 address', ['127.0.0.2'], '127.0.0.1'),
  wrong('an IPv4 address as a DNS name', ['dns:127.0.0.1'], '127.0.0.1'),
  wrong('an IPv4 address as the common name', [], '127.0.0.1', { subject: '127.0.0.1' }),
  wrong('a name, asked for the address', ['localhost'], '127.0.0.1'),
  lenient(
    'the IPv6 address',
    named(['::1'], '::1'),
    { 20: 'accepted', 22: `accepted or ${CODE}`, 24: 'accepted' },
    'Some versions of Node 22 do not find it in the certificate.',
  ),
  wrong('another IPv6 address', ['::2'], '::1'),
];
