import { draft, ruling, tls } from '../source.mjs';

const OURS = ruling('TLS');
const ERRORS = ruling('Errors');
const ON = { secureTransport: 'on' };

/** A clause that this kind of certificate makes opened and closed reject, and nothing is sent. */
const refuses = (kind, source, says, options = ON) => ({
  id: `certificate.${kind}`,
  source,
  says,
  async body(t, { connect }) {
    const peer = await t.peer({ tls: kind });
    const socket = connect(peer.local, options);
    const write = t.outcome(socket.writable.getWriter().write('a secret'));
    await t.rejects(socket.opened, 'opened');
    await t.rejects(socket.closed, 'closed');
    t.equal((await write).status, 'rejected', 'the write');
    t.equal((await peer.log()).bytes, 0, 'what the peer received');
  },
});

/** A clause about the code of the error for this kind of certificate. */
const code = (kind, expected, address = 'local') => ({
  id: `certificate.${kind}-code`,
  source: ERRORS,
  says: `The error for a certificate of the kind "${kind}" has the code ${expected}.`,
  async body(t, { connect }) {
    const peer = await t.peer({ tls: kind });
    t.equal((await t.rejects(connect(peer[address], ON).opened, 'opened')).code, expected, 'code');
  },
});

/** A clause that this kind of certificate is accepted. */
const accepts = (kind, source, says, { address = 'local', options = ON } = {}) => ({
  id: `certificate.${kind}`,
  source,
  says,
  async body(t) {
    const peer = await t.peer({ tls: kind });
    await t.open(peer[address], options);
    await peer.until('secure');
  },
});

/** Whom a TLS socket believes. */
export const certificates = [
  accepts(
    'valid',
    draft('socketoptions-dictionary'),
    'A certificate by a trusted authority for the name is accepted.',
  ),
  accepts('chained', tls, 'A certificate by an intermediate authority, sent along, is accepted.'),
  refuses('unknown-ca', OURS, 'A certificate by an unknown authority is refused.'),
  refuses('self-signed', OURS, 'A self-signed certificate is refused.'),
  refuses('expired', OURS, 'An expired certificate is refused.'),
  refuses('not-yet', OURS, 'A certificate that is not valid yet is refused.'),
  refuses('wrong-name', OURS, 'A certificate for another name is refused.'),
  refuses(
    'common-name-only',
    tls,
    'A name in the subject alone does not count: it has to be an alternative name.',
  ),
  refuses('ip-only', tls, 'A certificate for an IP address alone does not cover the name of the machine.'),
  refuses('client-usage', tls, 'A certificate for clients only is refused.'),
  refuses('missing-intermediate', tls, 'A certificate whose intermediate authority is not sent is refused.'),
  {
    id: 'certificate.ip-address',
    source: OURS,
    says: 'An IP address is checked against the IP addresses of the certificate, and accepted.',
    async body(t) {
      const peer = await t.peer({ tls: 'ip-only' });
      await t.open(peer.address, ON);
      await peer.until('secure');
    },
  },
  {
    id: 'certificate.ip-address-ipv6',
    source: OURS,
    says: 'An IPv6 address is checked in the same way.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', family: '::1' });
      await t.open(peer.address, ON);
      await peer.until('secure');
    },
  },
  {
    id: 'certificate.name-for-ip',
    source: OURS,
    says: 'A certificate for a name does not cover the IP address behind it.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'name-only' });
      await t.rejects(connect(peer.address, ON).opened, 'opened');
    },
  },
  accepts('wildcard', tls, 'A wildcard covers one label.', { options: { ...ON, sni: 'one.wild.example' } }),
  {
    id: 'certificate.wildcard-depth',
    source: tls,
    says: 'A wildcard covers neither two labels nor none.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'wildcard' });
      for (const sni of ['one.two.wild.example', 'wild.example']) {
        await t.rejects(connect(peer.local, { ...ON, sni }).opened, `opened for ${sni}`);
      }
    },
  },
  code('expired', 'CERT_HAS_EXPIRED'),
  code('wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'),
  code('self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'),
  code('unknown-ca', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
  {
    id: 'certificate.socket-error',
    source: draft('connect-section'),
    says: 'For a certificate that is refused opened and closed reject with the same SocketError.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'wrong-name' });
      const { opened, closed } = connect(peer.local, ON);
      const error = await t.rejectsWithSocketError(opened, 'opened');
      t.equal(await t.rejects(closed, 'closed'), error, 'the reason of closed');
    },
  },
  {
    id: 'certificate.message-name',
    source: ERRORS,
    says: 'The message for a certificate with another name says which name was wanted.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'wrong-name' });
      const { message } = await t.rejects(connect(peer.local, ON).opened, 'opened');
      t.ok(message.includes('localhost'), `"${message}" does not name localhost`);
    },
  },
  {
    id: 'certificate.streams-errored',
    source: ruling('Life of a socket'),
    says: 'After a refused certificate both streams are errored with the error of opened.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'expired' });
      const socket = connect(peer.local, ON);
      const error = await t.rejects(socket.opened, 'opened');
      t.equal(await t.rejects(socket.readable.getReader().read(), 'read()'), error, 'the reason of read()');
      t.equal(
        await t.rejects(socket.writable.getWriter().write('x'), 'write()'),
        error,
        'the reason of write()',
      );
    },
  },
  {
    id: 'certificate.handled',
    source: ruling('Life of a socket'),
    says: 'A refused certificate that nobody looks at causes no unhandled rejection.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'unknown-ca' });
      connect(peer.local, ON);
      await peer.until('close');
      await t.sleep(50);
    },
  },
  {
    id: 'trust.no-ca-file',
    source: OURS,
    says: 'NODE_EXTRA_CA_CERTS, SSL_CERT_FILE: without them the authority of the tests is unknown.',
    node: true,
    async body(t) {
      t.equal(await trusted(t, {}), 'rejected', 'opened');
    },
  },
  {
    id: 'trust.node-extra-ca-certs',
    source: OURS,
    says: 'NODE_EXTRA_CA_CERTS adds to the authorities that are trusted.',
    node: true,
    async body(t) {
      const { trustedFile } = await t.credentials();
      t.equal(await trusted(t, { NODE_EXTRA_CA_CERTS: trustedFile }), 'resolved', 'opened');
    },
  },
  {
    id: 'trust.ssl-cert-file',
    source: OURS,
    says: 'SSL_CERT_FILE adds to the authorities that are trusted.',
    node: true,
    async body(t) {
      const { trustedFile } = await t.credentials();
      t.equal(await trusted(t, { SSL_CERT_FILE: trustedFile }), 'resolved', 'opened');
    },
  },
  {
    id: 'trust.ssl-cert-dir',
    source: OURS,
    says: 'SSL_CERT_DIR adds the authorities of a directory, in files named by hash.',
    node: true,
    async body(t) {
      const { trustedDirectory } = await t.credentials();
      t.equal(await trusted(t, { SSL_CERT_DIR: trustedDirectory }), 'resolved', 'opened');
    },
  },
  {
    id: 'trust.missing-file',
    source: OURS,
    says: 'A file of authorities that cannot be read is an error that names it.',
    node: true,
    async body(t) {
      const told = await trusted(t, { SSL_CERT_FILE: '/nowhere/authorities.pem' });
      t.ok(told.includes('/nowhere/authorities.pem'), `"${told}" does not name the file`);
    },
  },
];

/** Connects in a process with only `env` to say who is trusted; tells how `opened` ended, with the message. */
async function trusted(t, env) {
  const peer = await t.peer({ tls: 'valid' });
  const script = async ({ connect }, { address }) => {
    let told = 'resolved';
    try {
      await connect(address, { secureTransport: 'on' }).opened;
    } catch (error) {
      told = process.env.SSL_CERT_FILE?.startsWith('/nowhere') ? error.message : 'rejected';
    }
    console.log(told);
    process.exit();
  };
  const cleared = { NODE_EXTRA_CA_CERTS: undefined, SSL_CERT_FILE: undefined, SSL_CERT_DIR: undefined };
  const { stdout } = await t.node.solo(script, {
    args: { address: peer.local },
    env: { ...cleared, ...env },
  });
  return stdout;
}
