import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, createIntermediate, selfSigned } from '../../fixtures/pki.mjs';

const DAY = 24 * 60 * 60 * 1000;
const LOCAL = ['localhost', '127.0.0.1', '::1'];

/** How each kind of server certificate is made. The subject under test trusts `trusted` alone. */
const KINDS = {
  valid: ({ trusted }) => trusted.issue({ names: LOCAL }),
  expired: ({ trusted }) =>
    trusted.issue({
      names: LOCAL,
      notBefore: new Date(Date.now() - 20 * DAY),
      notAfter: new Date(Date.now() - 2 * DAY),
    }),
  'not-yet': ({ trusted }) =>
    trusted.issue({
      names: LOCAL,
      notBefore: new Date(Date.now() + 2 * DAY),
      notAfter: new Date(Date.now() + 20 * DAY),
    }),
  'wrong-name': ({ trusted }) => trusted.issue({ names: ['other.example'] }),
  'common-name-only': ({ trusted }) => trusted.issue({ names: ['other.example'], commonName: 'localhost' }),
  'name-only': ({ trusted }) => trusted.issue({ names: ['localhost'] }),
  'ip-only': ({ trusted }) => trusted.issue({ names: ['127.0.0.1'] }),
  wildcard: ({ trusted }) => trusted.issue({ names: ['*.wild.example'] }),
  alternative: ({ trusted }) => trusted.issue({ names: ['alternative.example'] }),
  'client-usage': ({ trusted }) => trusted.issue({ names: LOCAL, client: true }),
  chained: async ({ trusted }) => trusted.issue({ names: LOCAL, via: await createIntermediate(trusted) }),
  'missing-intermediate': async ({ trusted }) => {
    const leaf = await trusted.issue({ names: LOCAL, via: await createIntermediate(trusted) });
    return { ...leaf, chainPem: leaf.certPem };
  },
  'self-signed': () => selfSigned({ names: LOCAL }),
  'unknown-ca': ({ stranger }) => stranger.issue({ names: LOCAL }),
};

/** The authorities of a run and what they have certified; each certificate is made when it is first asked for. */
export class Certificates {
  #made = new Map();

  constructor(trusted, stranger, directory) {
    this.trusted = trusted;
    this.stranger = stranger;
    this.directory = directory;
    /** The trusted authority as a file, for NODE_EXTRA_CA_CERTS. */
    this.trustedFile = join(directory, 'trusted.pem');
    /** The same in a directory, for SSL_CERT_DIR. */
    this.trustedDirectory = join(directory, 'authorities');
  }

  static async create() {
    const [trusted, stranger, directory] = await Promise.all([
      createAuthority({ commonName: 'Conformance Authority' }),
      createAuthority({ commonName: 'Conformance Stranger' }),
      mkdtemp(join(tmpdir(), 'conformance-')),
    ]);
    const made = new Certificates(trusted, stranger, directory);
    await writeFile(made.trustedFile, trusted.certPem);
    await mkdir(made.trustedDirectory);
    // Any name of the form that OpenSSL gives: hash and number.
    await writeFile(join(made.trustedDirectory, '0a1b2c3d.0'), trusted.certPem);
    return made;
  }

  /** @param {keyof typeof KINDS} kind */
  server(kind) {
    const make = KINDS[kind];
    if (make === undefined) throw new Error(`no certificate of kind ${kind}`);
    return this.#once(kind, () => make(this));
  }

  /** A client certificate by the trusted authority. */
  client() {
    return this.#once('client', () => this.trusted.issue({ names: [], commonName: 'client', client: true }));
  }

  remove() {
    return rm(this.directory, { recursive: true, force: true });
  }

  #once(kind, make) {
    if (!this.#made.has(kind)) this.#made.set(kind, make());
    return this.#made.get(kind);
  }
}
