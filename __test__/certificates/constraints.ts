/** What an authority may do. */
import { accepted, below, type Case, lenient, strict } from './case.ts';
import { authority, type Entity, nameConstraints, type Profile, server, usage } from './tree.ts';

const INVALID = 'ERR_TLS_CERT_INVALID';
const OTHER_CODE = 'Another code for the same refusal: node:tls has none.';
const ANCHOR = 'A trusted certificate is trusted as a name and a key (RFC 5280, 6.1.1).';
const NO_SIGNER = 'UNSPECIFIED, key usage does not include certificate signing';

/** Through one authority of this kind, below the root. */
const through = (profile: Profile): Case['make'] => {
  return async ({ root }) => below([root, await authority('of a kind', profile, root)]);
};
/** Through as many authorities below the root. */
const deep = (count: number): Case['make'] => {
  return async ({ root }) => {
    const path: Entity[] = [root];
    for (let depth = 1; depth <= count; depth++) {
      path.push(await authority(`depth ${depth}`, {}, path.at(-1)));
    }
    return below(path);
  };
};

export const authorities: Case[] = [
  strict(
    'a certificate that is none of an authority’s (CA:FALSE)',
    async ({ root }) => below([root, await server(root, { names: ['other.example.org'] })]),
    [INVALID, /CA:FALSE/],
    NO_SIGNER,
    OTHER_CODE,
  ),
  lenient(
    'a key usage without keyCertSign',
    through({ usages: usage.cRLSign }),
    NO_SIGNER,
    'rustls looks at CA:TRUE, and not at the key usage.',
  ),
  accepted('no key usage', through({ usages: null })),
  accepted('a path as long as it permits', async ({ root }) => {
    const upper = await authority('upper', { pathLength: 1 }, root);
    return below([root, upper, await authority('lower', { pathLength: 0 }, upper)]);
  }),
  strict(
    'a path longer than it permits',
    async ({ root, intermediate }) => below([root, intermediate, await authority('below', {}, intermediate)]),
    [INVALID, /path length/],
    'PATH_LENGTH_EXCEEDED',
    'We have one code for what is wrong with a certificate and rare; the message says what.',
  ),
  lenient(
    'a path longer than the root permits',
    async () => {
      const root = await authority('short root', { pathLength: 0 });
      return below([root, await authority('below', {}, root)]);
    },
    'PATH_LENGTH_EXCEEDED',
    ANCHOR,
  ),
  accepted('six of them below the root', deep(6)),
  strict(
    'seven of them below the root',
    deep(7),
    [INVALID, /six intermediate/],
    'accepted',
    'rustls follows six.',
  ),
];

/** Through an authority that may certify some names only, for `names`. */
const constrained = (
  what: Parameters<typeof nameConstraints>[0],
  names: readonly string[] = ['db.example.org'],
): Case['make'] => {
  return async ({ root }) => {
    const by = await authority('constrained', { extensions: [nameConstraints(what)] }, root);
    return { ...(await below([root, by], { names })), name: names[0] ?? '' };
  };
};
const VIOLATED: [string, RegExp] = [INVALID, /name constraints/];
const [LOOPBACK, TENS] = [Buffer.of(127, 0, 0, 0, 255, 0, 0, 0), Buffer.of(10, 0, 0, 0, 255, 0, 0, 0)];
const ADDRESS = ['127.0.0.1'];
/** Refused by both. */
const violated = (title: string, make: Case['make'], which: 'permitted' | 'excluded'): Case =>
  strict(title, make, VIOLATED, `UNSPECIFIED, ${which} subtree violation`, OTHER_CODE);

export const constraints: Case[] = [
  accepted('`example.org` is permitted', constrained({ permitted: ['example.org'] })),
  accepted('`.example.org` is permitted', constrained({ permitted: ['.example.org'] })),
  violated('only `example.com` is permitted', constrained({ permitted: ['example.com'] }), 'permitted'),
  violated(
    'only one of its two names is permitted',
    constrained({ permitted: ['example.org'] }, ['db.example.org', 'db.example.com']),
    'permitted',
  ),
  accepted('`example.com` is excluded', constrained({ excluded: ['example.com'] })),
  violated('`example.org` is excluded', constrained({ excluded: ['example.org'] }), 'excluded'),
  accepted('127.0.0.0/8 is permitted, for 127.0.0.1', constrained({ permitted: [LOOPBACK] }, ADDRESS)),
  violated(
    'only 10.0.0.0/8 is permitted, for 127.0.0.1',
    constrained({ permitted: [TENS] }, ADDRESS),
    'permitted',
  ),
  violated(
    '127.0.0.0/8 is excluded, for 127.0.0.1',
    constrained({ excluded: [LOOPBACK] }, ADDRESS),
    'excluded',
  ),
  violated(
    'only `example.com` is permitted, by the root itself',
    async () => {
      const extensions = [nameConstraints({ permitted: ['example.com'] })];
      return below([await authority('constrained root', { extensions })]);
    },
    'permitted',
  ),
];
