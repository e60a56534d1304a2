/** Whether a chain leads to who is trusted, at this time. */
import { accepted, below, type Case, lenient, refused, strict, type Tree } from './case.ts';
import type { Setting } from './clients.ts';
import { authority, DAY, type Entity, forged, type Profile, server } from './tree.ts';

const past = { notAfter: new Date(Date.now() - DAY) };
const future = { notBefore: new Date(Date.now() + DAY), notAfter: new Date(Date.now() + 2 * DAY) };
const ANCHOR = 'A trusted certificate is trusted as a name and a key (RFC 5280, 6.1.1).';

/** Through one authority of this kind, below the root. */
const through = (profile: Profile): Case['make'] => {
  return async ({ root }) => below([root, await authority('of a kind', profile, root)]);
};

export const times: Case[] = [
  accepted('valid', ({ serve }) => serve()),
  refused('expired', ({ serve }) => serve(past), 'CERT_HAS_EXPIRED', /expired/),
  refused('not valid yet', ({ serve }) => serve(future), 'CERT_NOT_YET_VALID', /not valid yet|clock/),
  refused('by an authority that has expired', through(past), 'CERT_HAS_EXPIRED', /expired/),
  refused(
    'by an authority that is not valid yet',
    through(future),
    'CERT_NOT_YET_VALID',
    /not valid yet|clock/,
  ),
  lenient(
    'by a trusted root that has expired',
    async () => below([await authority('old root', past)]),
    'CERT_HAS_EXPIRED',
    ANCHOR,
  ),
];

/** It issued its certificate itself. */
const selfSigned = (profile: Profile, isTrusted: boolean): Case['make'] => {
  return async ({ root }) => {
    const { cert, key } = await server(undefined, profile);
    return { chain: [cert], key, ca: [isTrusted ? cert : root.cert] };
  };
};
/** What is usual, with a change. */
const usual = (change: (setting: Setting, tree: Tree) => Partial<Setting> | Promise<Partial<Setting>>) => {
  return async (tree: Tree): Promise<Setting> => {
    const setting = await tree.serve();
    return { ...setting, ...(await change(setting, tree)) };
  };
};
/** Below authorities that are not trusted. */
const strange = (path: (tree: Tree) => Promise<Entity[]> | Entity[], sent: Entity[] = []): Case['make'] => {
  return async (tree) => {
    const setting = await below(await path(tree));
    return { ...setting, ca: [tree.root.cert], chain: [...setting.chain, ...sent.map(({ cert }) => cert)] };
  };
};
const UNKNOWN = /unknown CA/;
const FORGED = 'rustls does not say which of the two it is: forged, or by an authority of the same name.';

export const trust: Case[] = [
  accepted('by a root', ({ root }) => below([root])),
  accepted('self-signed, and trusted', selfSigned({}, true)),
  refused(
    'self-signed, and not trusted',
    selfSigned({}, false),
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    /self-signed and not trusted/,
  ),
  strict(
    'self-signed with CA:TRUE, and trusted',
    selfSigned({ ca: true }, true),
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /CA:TRUE/],
    'accepted',
    'webpki, by which rustls verifies, takes no certificate of an authority for one of a server.',
  ),
  strict(
    'with CA:TRUE, by a root',
    ({ root }) => below([root], { ca: true }),
    ['ERR_TLS_CERT_INVALID', /CA:TRUE/],
    'accepted',
    'webpki, by which rustls verifies, takes no certificate of an authority for one of a server.',
  ),
  refused(
    'by an unknown root',
    strange(({ stranger }) => [stranger]),
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    UNKNOWN,
  ),
  refused(
    'by an unknown root, which is sent along',
    async (tree) => strange(({ stranger }) => [stranger], [tree.stranger])(tree),
    'SELF_SIGNED_CERT_IN_CHAIN',
    UNKNOWN,
  ),
  refused(
    'by an unknown root, through an authority',
    strange(async ({ stranger }) => [stranger, await authority('between', {}, stranger)]),
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    UNKNOWN,
  ),
  refused(
    'by a root with the name of the trusted one, and another key',
    strange(async () => [await authority('root')]),
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    /name of a trusted one/,
  ),
  refused(
    'by a root with the name of the trusted one, and a key of another kind',
    async ({ root }) => {
      const signedWith = 'RSA with SHA-256';
      const other = await authority('root', { key: 'RSA 2048', signedWith });
      return { ...(await below([other], { signedWith })), ca: [root.cert] };
    },
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    /name of a trusted one/,
  ),
  refused(
    'the intermediate authority is not sent',
    usual(({ chain }) => ({ chain: chain.slice(0, 1) })),
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    /intermediate certificates/,
  ),
  accepted(
    'the intermediate authority is not sent, but trusted beside the root',
    usual(({ chain, ca }, { intermediate }) => ({
      chain: chain.slice(0, 1),
      ca: [...ca, intermediate.cert],
    })),
  ),
  lenient(
    'only the intermediate authority is trusted',
    usual((_, { intermediate }) => ({ ca: [intermediate.cert] })),
    'UNABLE_TO_GET_ISSUER_CERT',
    'Whatever is in `ca` is trusted; OpenSSL wants a root (X509_V_FLAG_PARTIAL_CHAIN).',
  ),
  refused(
    'only the server’s own certificate is trusted',
    usual(({ chain }) => ({ ca: chain.slice(0, 1) })),
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    UNKNOWN,
  ),
  accepted(
    'the root is sent along',
    usual(({ chain }, { root }) => ({ chain: [...chain, root.cert] })),
  ),
  accepted(
    'the server’s own certificate is sent twice',
    usual(({ chain }) => ({ chain: [...chain.slice(0, 1), ...chain] })),
  ),
  accepted('the chain is out of order', async ({ root, intermediate }) => {
    const upper = await authority('upper', {}, root);
    const lower = await authority('lower', {}, upper);
    const { cert, key } = await server(lower);
    return { chain: [cert, upper.cert, intermediate.cert, lower.cert], key, ca: [root.cert] };
  }),
  accepted(
    'certificates that nobody needs are sent along',
    usual(async ({ chain }, { stranger }) => {
      const others = await Promise.all([1, 2, 3].map((index) => authority(`other ${index}`, {}, stranger)));
      return { chain: [...chain, ...others.map(({ cert }) => cert)] };
    }),
  ),
  strict(
    'a forged signature on the certificate',
    async ({ intermediate, root }) => {
      const { cert, key } = forged(await server(intermediate));
      return { chain: [cert, intermediate.cert], key, ca: [root.cert] };
    },
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /forged/],
    'CERT_SIGNATURE_FAILURE',
    FORGED,
  ),
  strict(
    'a forged signature on the intermediate authority',
    ({ root, intermediate }) => below([root, forged(intermediate)]),
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /forged/],
    'CERT_SIGNATURE_FAILURE',
    FORGED,
  ),
];

/** An authority with two certificates, by two others. */
const crossSigned = (first: Profile, by: (tree: Tree) => Entity): Case['make'] => {
  return async (tree) => {
    const cross = await authority('cross', first, by(tree));
    const again = await authority('cross', { keys: cross.keys }, tree.root);
    const { cert, key } = await server(cross);
    return { chain: [cert, cross.cert, again.cert], key, ca: [tree.root.cert] };
  };
};

export const crosses: Case[] = [
  accepted(
    'one of the two has expired',
    crossSigned(past, ({ root }) => root),
  ),
  {
    ...accepted(
      'one of the two is by an unknown root',
      crossSigned({}, ({ stranger }) => stranger),
    ),
    node: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    why: 'We try each path; OpenSSL takes the first certificate of the authority that was sent.',
  },
];
