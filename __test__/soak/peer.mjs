/**
 * The peer that misbehaves, and the one that echoes where the benchmark's is not built: `node peer.mjs`. Says its ports and its
 * authority in a line of JSON; ends with standard input.
 */
import { createServer } from 'node:net';
import process from 'node:process';
import { TLSSocket } from 'node:tls';
import { createAuthority, selfSigned } from '../fixtures/pki.mjs';
import { BLOCK } from './pattern.mjs';

const NAMES = { names: ['127.0.0.1', 'localhost'] };
/** Milliseconds. */
const PAUSE = 5;

const authority = await createAuthority();
const credentials = await authority.issue(NAMES);
const others = await (await createAuthority()).issue(NAMES);
const own = await selfSigned(NAMES);

/** The server's side of TLS, over what has been accepted. */
function secured(tcp, { chainPem, keyPem } = credentials) {
  const tls = new TLSSocket(tcp, { isServer: true, allowHalfOpen: true, cert: chainPem, key: keyPem });
  return tls.on('error', () => tcp.destroy());
}

const echo = (stream) => void stream.pipe(stream);

/** Agrees to what is asked for, and goes over to TLS. */
function upgraded(tcp, shown) {
  tcp.once('data', () => {
    tcp.pause();
    tcp.write('go');
    echo(secured(tcp, shown));
  });
}

/** Sends the pattern for as long as somebody reads it. With pauses: at full speed, this peer would have no time for all the others. */
function source(stream) {
  let waits = false;
  const flood = () => {
    waits = false;
    for (let chunks = 0; chunks < 4; chunks += 1) if (stream.destroyed || !stream.write(BLOCK)) return;
    later();
  };
  const later = () => {
    if (!waits) setTimeout(flood, PAUSE);
    waits = true;
  };
  stream.on('drain', later).once('data', later);
  stream.on('end', () => stream.end());
}

/** What becomes of a connection, by the name of the port. */
const behaviours = {
  echo,
  echoTls: (tcp) => echo(secured(tcp)),
  source,
  sourceTls: (tcp) => source(secured(tcp)),
  starttls: (tcp) => upgraded(tcp, credentials),
  starttlsUntrusted: (tcp) => upgraded(tcp, others),
  untrusted: (tcp) => echo(secured(tcp, others)),
  selfSigned: (tcp) => echo(secured(tcp, own)),
  /** Ends its side at once, and listens to the end of the other. */
  ends: (tcp) => tcp.resume().end('bye'),
  resets: (tcp) => tcp.once('data', () => tcp.resetAndDestroy()),
  /** RST in the midst of what it sends. */
  resetsLate: (tcp) => tcp.once('data', () => tcp.write(BLOCK, () => tcp.resetAndDestroy())),
  silent: (tcp) => tcp.resume().on('end', () => tcp.end()),
  /** Never ends its side. */
  stays: (tcp) => tcp.resume(),
  plainText: (tcp) => tcp.once('data', () => tcp.resume().end('220 no TLS here\r\n')),
  hangsUp: (tcp) => tcp.once('data', () => tcp.resume().end()),
  /** Ends without TLS's word for it. */
  truncates: (tcp) => {
    const tls = secured(tcp);
    tls.once('data', (data) => tls.write(data, () => tcp.end()));
  },
};

const servers = Object.entries(behaviours).map(async ([name, behave]) => {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (tcp) => {
    behave(tcp.on('error', () => tcp.destroy()));
  });
  // More at a time than Node lets wait by default.
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  return [name, server.address().port];
});
const ports = Object.fromEntries(await Promise.all(servers));
process.stdout.write(`${JSON.stringify({ ports, ca: authority.certPem })}\n`);
process.stdin.resume().once('end', () => process.exit());
