/** The key schedules of TLS 1.3 (RFC 8446) and TLS 1.2 (RFC 5246, RFC 7627), for suites with SHA-256. */
import { createHash, createHmac } from 'node:crypto';

const hmac = (key, ...data) =>
  data.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest();

/** @param {readonly Buffer[]} messages */
export const hash = (messages) =>
  messages.reduce((sum, message) => sum.update(message), createHash('sha256')).digest();

/** HKDF-Expand-Label, for at most 32 bytes. */
export function expand(secret, label, context, length) {
  const name = `tls13 ${label}`;
  const info = [Buffer.of(0, length, name.length), name, Buffer.of(context.length), context, Buffer.of(1)];
  return hmac(secret, ...info).subarray(0, length);
}

const ZERO = Buffer.alloc(32);
const NOTHING = hash([]);

/** What protects the handshake: from ClientHello and ServerHello. */
export function handshakeSecrets(shared, messages) {
  const early = hmac(ZERO, ZERO);
  const secret = hmac(expand(early, 'derived', NOTHING, 32), shared);
  const transcript = hash(messages);
  return {
    client: expand(secret, 'c hs traffic', transcript, 32),
    server: expand(secret, 's hs traffic', transcript, 32),
    /** What protects the data: from all up to the server's Finished. */
    traffic(all) {
      const master = hmac(expand(secret, 'derived', NOTHING, 32), ZERO);
      const whole = hash(all);
      return {
        client: expand(master, 'c ap traffic', whole, 32),
        server: expand(master, 's ap traffic', whole, 32),
      };
    },
  };
}

/** What Finished says under TLS 1.3. */
export const finished13 = (secret, messages) => hmac(expand(secret, 'finished', '', 32), hash(messages));

/** The pseudo-random function of TLS 1.2. */
function prf(secret, label, seed, length) {
  const start = Buffer.concat([Buffer.from(label), seed]);
  const out = [];
  for (let a = hmac(secret, start), got = 0; got < length; got += 32, a = hmac(secret, a)) {
    out.push(hmac(secret, a, start));
  }
  return Buffer.concat(out).subarray(0, length);
}

/** @param {readonly Buffer[]} messages Up to ClientKeyExchange, for the extended master secret. */
export const masterSecret = (shared, messages) => prf(shared, 'extended master secret', hash(messages), 48);

/** Keys and salts of both directions. */
export function keyBlock(master, clientRandom, serverRandom) {
  const block = prf(master, 'key expansion', Buffer.concat([serverRandom, clientRandom]), 40);
  const cut = (from, to) => block.subarray(from, to);
  return {
    client: { key: cut(0, 16), salt: cut(32, 36) },
    server: { key: cut(16, 32), salt: cut(36, 40) },
  };
}

/** What the server's Finished says under TLS 1.2. */
export const finished12 = (master, messages) => prf(master, 'server finished', hash(messages), 12);
