/** Lives of sockets that have to end with an error. */
import { createBinding } from 'wintersock';
import { HOST } from './ground.mjs';
import { ended, readPattern, trip } from './talk.mjs';

/** @typedef {import('./lives.mjs').Life} Life */

const on = { secureTransport: 'on' };
const starttls = { secureTransport: 'starttls' };

/** Waits for what has to fail, and for the end of the socket: both have to settle. */
async function fails(socket, by = socket.opened) {
  const [failed] = await Promise.allSettled([by, socket.closed]);
  if (failed.status === 'rejected') throw failed.reason;
}

/** Lets a duplex fail by itself, or after it has said something. */
function failing(duplex) {
  duplex.resume().write('x');
  return ended(duplex);
}

/** From plain text to TLS, which is refused. */
async function upgrading(ground, options) {
  const plain = ground.web(ground.ports.starttlsUntrusted, starttls);
  const [reader, writer] = [plain.readable.getReader(), plain.writable.getWriter()];
  await writer.write('STARTTLS');
  await reader.read();
  await fails(ground.watched(plain.startTls(options)));
}

function upgradingDuplex(ground) {
  const duplex = ground.duplex(ground.ports.starttlsUntrusted);
  duplex.once('data', () => duplex.startTls({ servername: HOST })).write('STARTTLS');
  return ended(duplex);
}

async function aborted(ground, port, options, abort) {
  const controller = new AbortController();
  const socket = ground.web(port, { ...options, signal: controller.signal });
  const closed = socket.closed.catch(() => {});
  await abort(socket);
  controller.abort();
  await closed;
  throw controller.signal.reason;
}

/** Lets it get so far that the abort meets it in the middle. */
const afterTurns = (turns) => async () => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
};

/** @type {Record<string, Life>} */
export const failures = {
  refused: { fails: 'ECONNREFUSED', share: 3, run: (g) => fails(g.web(g.ports.refused)) },
  'refused, a duplex': { fails: 'ECONNREFUSED', share: 3, run: (g) => failing(g.duplex(g.ports.refused)) },
  'refused, TLS': { fails: 'ECONNREFUSED', run: (g) => fails(g.web(g.ports.refused, on)) },
  'refused, from a local address': {
    fails: 'ECONNREFUSED',
    run: (g) => fails(g.web(g.ports.refused, {}, { binding: g.from })),
  },
  'refused, with a signal that lives on': {
    fails: 'ECONNREFUSED',
    run: (g) => fails(g.web(g.ports.refused, { signal: g.signal })),
  },
  'refused, a duplex with a signal that lives on': {
    fails: 'ECONNREFUSED',
    run: (g) => failing(g.duplex(g.ports.refused, { signal: g.signal, timeout: 60_000 })),
  },
  'reset by the peer': {
    fails: 'ECONNRESET',
    share: 3,
    run: (g) => trip(g.web(g.ports.resets)),
  },
  'reset by the peer, a duplex': {
    fails: 'ECONNRESET',
    share: 3,
    run: (g) => failing(g.duplex(g.ports.resets)),
  },
  'reset by the peer in the midst of data': {
    fails: 'ECONNRESET',
    run: async (g) => {
      const socket = g.web(g.ports.resetsLate);
      await socket.writable.getWriter().write('go');
      await readPattern(socket.readable, 1e9);
    },
  },
  'aborted at once': { fails: 'AbortError', share: 2, run: (g) => aborted(g, g.plain.echo, {}, () => {}) },
  'aborted at once, TLS': { fails: 'AbortError', run: (g) => aborted(g, g.tls.echo, on, () => {}) },
  'aborted in the handshake': { fails: 'AbortError', run: (g) => aborted(g, g.tls.echo, on, afterTurns(4)) },
  'aborted when it is open': {
    fails: 'AbortError',
    run: (g) => aborted(g, g.plain.echo, {}, (s) => s.opened),
  },
  'aborted when it is open, TLS': {
    fails: 'AbortError',
    run: (g) => aborted(g, g.tls.echo, on, (s) => s.opened),
  },
  'closed while it connects': {
    fails: 'ERR_SOCKET_CLOSED',
    run: async (g) => {
      const socket = g.web(g.tls.echo, on);
      const failed = fails(socket);
      socket.close().catch(() => {});
      await failed;
    },
  },
  'destroyed while it connects': {
    fails: 'nothing',
    run: (g) => ended(g.duplex(g.plain.echo).destroy()),
  },
  'destroyed in the handshake': {
    fails: 'nothing',
    run: async (g) => {
      const duplex = g.duplex(g.tls.echo, on);
      await new Promise((resolve, reject) => duplex.once('connect', resolve).once('error', reject));
      await ended(duplex.destroy());
    },
  },
  'a certificate of another authority': {
    fails: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    run: (g) => fails(g.web(g.ports.untrusted, on)),
  },
  'a certificate of another authority, a duplex': {
    fails: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    run: (g) => failing(g.duplex(g.ports.untrusted, on)),
  },
  'a certificate that signed itself': {
    fails: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    run: (g) => fails(g.web(g.ports.selfSigned, on)),
  },
  'a certificate for another name': {
    fails: 'ERR_TLS_CERT_ALTNAME_INVALID',
    run: (g) => fails(g.web(g.tls.echo, { ...on, sni: 'other.example' })),
  },
  'a certificate that a duplex checks by itself': {
    fails: 'ERR_OWN',
    run: (g) => {
      const checkServerIdentity = () => Object.assign(new Error('not this one'), { code: 'ERR_OWN' });
      return failing(g.duplex(g.tls.echo, { ...on, checkServerIdentity }));
    },
  },
  'StartTLS with another authority': {
    fails: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    run: (g) => upgrading(g),
  },
  'StartTLS with roots of its own': {
    fails: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    run: (g) => upgrading(g, { ca: g.ca[0] }),
  },
  'StartTLS with another authority, a duplex': {
    fails: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    run: (g) => upgradingDuplex(g),
  },
  'StartTLS with an option that cannot be used': {
    fails: 'ERR_INVALID_CA',
    run: async (g) => {
      const plain = g.web(g.plain.echo, starttls);
      await trip(plain);
      try {
        plain.startTls({ ca: 'no certificate' });
      } finally {
        await plain.close();
      }
    },
  },
  'plain text for TLS': { fails: 'ERR_TLS_PROTOCOL', run: (g) => fails(g.web(g.ports.plainText, on)) },
  'an end for TLS': { fails: 'ERR_TLS_HANDSHAKE', run: (g) => fails(g.web(g.ports.hangsUp, on)) },
  'an end for TLS, a duplex': { fails: 'ECONNRESET', run: (g) => failing(g.duplex(g.ports.hangsUp, on)) },
  'TLS cut short': {
    fails: 'ERR_TLS_TRUNCATED',
    run: async (g) => {
      const socket = g.web(g.ports.truncates, on);
      await socket.writable.getWriter().write('x');
      for await (const _ of socket.readable);
    },
  },
  'no answer in time': {
    fails: 'ETIMEDOUT',
    run: (g) => fails(g.web(g.ports.silent, on, { binding: g.hasty })),
  },
  'no answer in time, a duplex': {
    fails: 'ETIMEDOUT',
    run: (g) => failing(g.duplex(g.ports.silent, { ...on, binding: g.hasty })),
  },
  'idle for too long': {
    fails: 'ERR_IDLE_TIMEOUT',
    run: async (g) => {
      const socket = g.web(g.ports.silent, {}, { binding: g.idle });
      await socket.readable.getReader().read();
    },
  },
  'idle for too long, a duplex': {
    fails: 'ERR_IDLE_TIMEOUT',
    run: (g) => failing(g.duplex(g.ports.silent, { binding: g.idle })),
  },
  'too many': {
    fails: 'ERR_MAX_CONNECTIONS',
    run: async (g) => {
      const binding = createBinding({ maxConnections: { limit: 1, whenFull: 'refuse' } });
      const first = g.web(g.plain.echo, {}, { binding });
      try {
        g.web(g.plain.echo, {}, { binding });
      } finally {
        await first.close().catch(() => {});
      }
    },
  },
  'not allowed': {
    fails: 'ERR_ACCESS_DENIED',
    run: async (g) => g.web(g.plain.echo, {}, { binding: g.denying }),
  },
  'a name that nobody knows': {
    fails: 'ENOTFOUND',
    run: (g) => fails(g.web(g.plain.echo, {}, { binding: g.lost, host: 'db.example' })),
  },
  'a proxy that is none': {
    fails: 'ERR_PROXY_PROTOCOL',
    run: (g) => {
      const binding = createBinding({ proxy: `http://${HOST}:${g.ports.plainText}` });
      return fails(g.web(443, {}, { binding, host: 'db.example' }));
    },
  },
  'a binding that cannot be': {
    fails: 'ERR_INVALID_CA',
    run: async () => createBinding({ ca: 'no certificate', idleTimeout: 5 }),
  },
};
