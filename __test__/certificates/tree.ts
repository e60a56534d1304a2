/** Certificates of every kind, right ones and wrong ones, made on the spot. */
// First: what it imports needs what it sets up.
import '../fixtures/pki.mjs';
import { constants, generateKeyPair, type KeyObject, sign, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import { der, elements } from './der.ts';

const generate = promisify(generateKeyPair) as (
  type: string,
  options: object,
) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>;

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** Kinds of keys. Servers and clients may have any; authorities those that `signing` has, too. */
const kinds = {
  'P-256': () => generate('ec', { namedCurve: 'P-256' }),
  'P-384': () => generate('ec', { namedCurve: 'P-384' }),
  'P-521': () => generate('ec', { namedCurve: 'P-521' }),
  secp256k1: () => generate('ec', { namedCurve: 'secp256k1' }),
  Ed25519: () => generate('ed25519', {}),
  Ed448: () => generate('ed448', {}),
  'RSA 1024': () => generate('rsa', { modulusLength: 1024 }),
  'RSA 2048': () => generate('rsa', { modulusLength: 2048 }),
  'RSA 4096': () => generate('rsa', { modulusLength: 4096 }),
  'RSA-PSS': () => generate('rsa-pss', { modulusLength: 2048 }),
};
export type Kind = keyof typeof kinds;

/** How an authority signs. */
const signing = {
  'ECDSA with SHA-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ECDSA with SHA-384 and P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'ECDSA with SHA-1': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-1' },
  'RSA with SHA-256': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  'RSA with SHA-1': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1' },
  'RSA-PSS': { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  Ed25519: { name: 'Ed25519' },
};
export type Signing = keyof typeof signing;

export const usage = x509.KeyUsageFlags;
export const purpose = x509.ExtendedKeyUsage;

/** What a certificate says. Everything has a default. */
export interface Profile {
  /** Common name. Default: the first of `names`. */
  subject?: string;
  /** DNS names and IP addresses. Default for servers `db.example.org`. */
  names?: readonly string[];
  notBefore?: Date;
  notAfter?: Date;
  key?: Kind;
  /** Of another certificate, which is then the same key under another signature. */
  keys?: Keys;
  signedWith?: Signing;
  /** Whether it is an authority's. */
  ca?: boolean;
  pathLength?: number;
  /** `null`: without the extension. */
  usages?: number | null;
  /** `null`: without the extension. */
  purposes?: readonly string[] | null;
  extensions?: readonly x509.Extension[];
}

interface Keys {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

/** A certificate with its key. */
export interface Entity {
  /** PEM. */
  cert: string;
  /** PEM, PKCS#8. */
  key: string;
  keys: Keys;
  certificate: x509.X509Certificate;
}

/** An authority: signs with what its key is for, unless told otherwise. */
export function authority(subject: string, profile: Profile = {}, issuer?: Entity): Promise<Entity> {
  const usages = usage.keyCertSign | usage.cRLSign;
  return certify({ subject, names: [], ca: true, usages, purposes: null, ...profile }, issuer);
}

/** A server's certificate. */
export function server(issuer: Entity | undefined, profile: Profile = {}): Promise<Entity> {
  return certify({ names: ['db.example.org'], ...profile }, issuer);
}

/** @param issuer Default: itself. */
async function certify(profile: Profile, issuer?: Entity): Promise<Entity> {
  const { names = [], key = 'P-256', signedWith = 'ECDSA with SHA-256', ca = false } = profile;
  const { usages = usage.digitalSignature, purposes = [purpose.serverAuth] } = profile;
  const keys = profile.keys ?? (await kinds[key]());
  const signer = issuer?.keys ?? keys;
  const subject = [{ CN: [profile.subject ?? names[0] ?? 'nameless'] }];
  const algorithm = signing[signedWith];
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}`,
    subject,
    issuer: issuer ? issuer.certificate.subject : subject,
    notBefore: profile.notBefore ?? new Date(Math.min(now, profile.notAfter?.getTime() ?? now) - 2 * HOUR),
    notAfter: profile.notAfter ?? new Date(now + 30 * DAY),
    publicKey: publicKeyOf(keys),
    signingKey: await signingKeyOf(signer, algorithm),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(ca, profile.pathLength, true),
      ...(usages === null ? [] : [new x509.KeyUsagesExtension(usages, true)]),
      ...(purposes === null ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
      new x509.SubjectKeyIdentifierExtension(await identifierOf(keys)),
      new x509.AuthorityKeyIdentifierExtension(await identifierOf(signer)),
      ...alternativeNames(names),
      ...(profile.extensions ?? []),
    ],
  });
  return {
    cert: `${certificate.toString('pem').trim()}\n`,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keys,
    certificate,
  };
}

const publicKeyOf = ({ publicKey }: Keys) =>
  new x509.PublicKey(publicKey.export({ type: 'spki', format: 'der' }));

const identifierOf = async (keys: Keys) =>
  Buffer.from(await publicKeyOf(keys).getKeyIdentifier()).toString('hex');

const signingKeyOf = ({ privateKey }: Keys, algorithm: object) =>
  webcrypto.subtle.importKey(
    'pkcs8',
    privateKey.export({ type: 'pkcs8', format: 'der' }),
    algorithm as webcrypto.EcKeyImportParams,
    false,
    ['sign'],
  );

function alternativeNames(names: readonly string[]): x509.Extension[] {
  if (names.length === 0) return [];
  const entries = names.map((name) => {
    if (name.startsWith('dns:')) return { type: 'dns' as const, value: name.slice(4) };
    return { type: isIP(name) ? ('ip' as const) : ('dns' as const), value: name };
  });
  return [new x509.SubjectAlternativeNameExtension(entries)];
}

const subtrees = (tag: number, entries: readonly (string | Buffer)[]) => {
  // GeneralName: [2] a DNS name, [7] an IP address and its mask.
  const bases = entries.map((entry) =>
    der(0x30, typeof entry === 'string' ? der(0x82, Buffer.from(entry)) : der(0x87, entry)),
  );
  return bases.length === 0 ? Buffer.alloc(0) : der(tag, Buffer.concat(bases));
};

/** Which names an authority may certify: DNS names, or the bytes of an IP address and a mask. */
export function nameConstraints({
  permitted = [],
  excluded = [],
}: {
  permitted?: readonly (string | Buffer)[];
  excluded?: readonly (string | Buffer)[];
}): x509.Extension {
  const value = der(0x30, Buffer.concat([subtrees(0xa0, permitted), subtrees(0xa1, excluded)]));
  return new x509.Extension('2.5.29.30', true, value);
}

/** One that nobody knows. */
export const unknownExtension = (critical: boolean) =>
  new x509.Extension('1.3.6.1.4.1.55555.1', critical, der(0x0c, Buffer.from('unknown')));

/** RSA-PSS with SHA-256 as OpenSSL writes it, with NULL for the parameters of SHA-256. */
const pssWithNull = Buffer.from(
  '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
  'hex',
);

/** A certificate that `issuer` has signed with RSA-PSS: the same with `pssWithNull`, where x509 leaves NULL out. */
export function withNullParameters(entity: Entity, issuer: Entity): Entity {
  const tbs = der(0x30, ...fieldsOf(entity).with(2, pssWithNull));
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return signed(entity, tbs, pssWithNull, sign('sha256', tbs, { key: issuer.keys.privateKey, ...padding }));
}

/** A certificate that `issuer` has signed with ECDSA and SHA-256: the same as version 1 of X.509, which has no extensions. */
export function asVersion1(entity: Entity, issuer: Entity): Entity {
  const fields = fieldsOf(entity).slice(1, -1);
  const tbs = der(0x30, ...fields);
  return signed(entity, tbs, fields[1] ?? Buffer.of(), sign('sha256', tbs, issuer.keys.privateKey));
}

/** Version, serial number, algorithm, issuer, validity, subject, key, extensions. */
const fieldsOf = ({ certificate }: Entity): Buffer[] => {
  const [tbs = Buffer.of()] = elements(Buffer.from(certificate.rawData));
  return elements(tbs);
};

const signed = (entity: Entity, tbs: Buffer, algorithm: Buffer, signature: Buffer): Entity =>
  withBytes(entity, der(0x30, tbs, algorithm, der(0x03, Buffer.of(0), signature)));

function withBytes(entity: Omit<Entity, 'certificate' | 'cert'>, bytes: Buffer): Entity {
  const certificate = new x509.X509Certificate(bytes);
  return { ...entity, certificate, cert: `${certificate.toString('pem').trim()}\n` };
}

/** The same certificate with a bit of its signature changed. */
export function forged({ certificate, ...entity }: Entity): Entity {
  const bytes = Buffer.from(certificate.rawData);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return withBytes(entity, bytes);
}
