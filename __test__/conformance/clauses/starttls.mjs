import { draft, ruling } from '../source.mjs';

const OURS = ruling('startTls()');
const STARTTLS = { secureTransport: 'starttls' };

/** A peer that turns to TLS after `upgradeAfter` plain bytes, and a socket to it. */
export async function upgradable(t, spec = {}, options = {}) {
  const peer = await t.peer({ tls: 'valid', upgradeAfter: 0, ...spec });
  const socket = await t.open(peer.local, { ...STARTTLS, ...options });
  return { peer, socket };
}

/** startTls() itself: when it may be called and what it returns. */
export const startTls = [
  {
    id: 'starttls.secure',
    source: draft('starttls-method'),
    says: 'startTls() makes a TLS connection over the same TCP connection.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { mode: 'echo' });
      const secure = t.track(socket.startTls());
      await secure.opened;
      await t.write(secure, 'secret');
      t.equal(await t.readText(secure, 6), 'secret');
      t.equal((await peer.log()).secure, true, 'whether the peer saw TLS');
      t.equal(await peer.accepted(), 1, 'the number of connections');
    },
  },
  {
    id: 'starttls.plain-before',
    source: draft('socketoptions-dictionary'),
    says: 'Until startTls() is called the connection is in plain text.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { upgradeAfter: 8, upgradeReply: 'go' });
      await t.write(socket, 'STARTTLS');
      t.equal(await t.readText(socket, 2), 'go');
      t.equal((await peer.log()).text, 'STARTTLS', 'what the peer received');
      await t.track(socket.startTls()).opened;
    },
  },
  {
    id: 'starttls.returns-at-once',
    source: OURS,
    says: 'It returns a new socket of the same class synchronously.',
    async body(t) {
      const { socket } = await upgradable(t);
      const secure = t.track(socket.startTls());
      t.ok(secure !== socket, 'it is the same socket');
      t.equal(Object.getPrototypeOf(secure), Object.getPrototypeOf(socket), 'the class');
      t.ok(secure.readable !== socket.readable, 'readable is the same stream');
      t.ok(secure.writable !== socket.writable, 'writable is the same stream');
    },
  },
  {
    id: 'starttls.opened-after-handshake',
    source: draft('opened-attribute'),
    says: 'opened of the new socket resolves after the handshake.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.local, STARTTLS);
      const secure = t.track(socket.startTls());
      await peer.until(1);
      await t.pending(secure.opened, 'opened', 100);
    },
  },
  {
    id: 'starttls.opened-info',
    source: draft('socketinfo-dictionary'),
    says: 'opened of the new socket resolves with the addresses of the old one.',
    async body(t) {
      const { socket } = await upgradable(t);
      const before = await socket.opened;
      const after = await t.track(socket.startTls()).opened;
      t.equal(after.remoteAddress, before.remoteAddress, 'remoteAddress');
      t.equal(after.localAddress, before.localAddress, 'localAddress');
    },
  },
  {
    id: 'starttls.upgraded',
    source: draft('upgraded-attribute'),
    says: 'upgraded of the old socket becomes true; that of the new one is false.',
    async body(t) {
      const { socket } = await upgradable(t);
      t.equal(socket.upgraded, false, 'upgraded before');
      const secure = t.track(socket.startTls());
      await secure.opened;
      t.equal(socket.upgraded, true, 'upgraded after');
      t.equal(secure.upgraded, false, 'upgraded of the new socket');
    },
  },
  {
    id: 'starttls.upgraded-before-closed',
    source: OURS,
    says: 'upgraded is true by the time closed of the old socket resolves.',
    async body(t) {
      const { socket } = await upgradable(t);
      const seen = socket.closed.then(() => socket.upgraded);
      t.track(socket.startTls());
      t.equal(await seen, true, 'upgraded');
    },
  },
  {
    id: 'starttls.old-closed-resolves',
    source: draft('starttls-method'),
    says: 'The old socket is closed: its closed resolves.',
    async body(t) {
      const { socket } = await upgradable(t);
      t.track(socket.startTls());
      t.equal(await t.within(2000, socket.closed, 'closed'), undefined, 'the value');
    },
  },
  {
    id: 'starttls.old-closed-not-at-once',
    source: OURS,
    says: 'closed of the old socket does not resolve within startTls(): there is time to set up after the call.',
    async body(t) {
      const { socket } = await upgradable(t);
      let resolved = false;
      socket.closed.then(() => {
        resolved = true;
      });
      t.track(socket.startTls());
      await Promise.resolve();
      await Promise.resolve();
      t.equal(resolved, false, 'whether closed has resolved');
      await socket.closed;
    },
  },
  {
    id: 'starttls.secure-transport',
    source: OURS,
    says: 'secureTransport of the new socket is "on".',
    async body(t) {
      const { socket } = await upgradable(t);
      t.equal(t.track(socket.startTls()).secureTransport, 'on', 'secureTransport');
      t.equal(socket.secureTransport, 'starttls', 'secureTransport of the old socket');
    },
  },
  {
    id: 'starttls.needs-mode',
    source: draft('starttls-method'),
    says: 'On a socket made with "off" it throws a SocketError, and the socket goes on working.',
    async body(t) {
      const peer = await t.peer({ mode: 'echo' });
      const socket = await t.open(peer.address);
      t.socketError(t.throws(() => socket.startTls(), 'startTls()'));
      t.equal(socket.upgraded, false, 'upgraded');
      await t.write(socket, 'still');
      t.equal(await t.readText(socket, 5), 'still');
    },
  },
  {
    id: 'starttls.on-result',
    source: draft('starttls-method'),
    says: 'On the socket it returned it throws a SocketError.',
    async body(t) {
      const { socket } = await upgradable(t);
      const secure = t.track(socket.startTls());
      await secure.opened;
      t.socketError(t.throws(() => secure.startTls(), 'startTls()'));
    },
  },
  {
    id: 'starttls.once',
    source: OURS,
    says: 'A second time it throws a SocketError, and the new socket goes on working.',
    async body(t) {
      const { socket } = await upgradable(t, { mode: 'echo' });
      const secure = t.track(socket.startTls());
      t.socketError(t.throws(() => socket.startTls(), 'the second startTls()'));
      await secure.opened;
      t.socketError(t.throws(() => socket.startTls(), 'the third startTls()'));
      await t.write(secure, 'still');
      t.equal(await t.readText(secure, 5), 'still');
    },
  },
  {
    id: 'starttls.after-close',
    source: OURS,
    says: 'After close() it throws a SocketError.',
    async body(t) {
      const { socket } = await upgradable(t);
      const closed = socket.close();
      t.socketError(t.throws(() => socket.startTls(), 'startTls()'));
      await closed;
      t.socketError(t.throws(() => socket.startTls(), 'startTls() later'));
    },
  },
  {
    id: 'starttls.before-open',
    source: OURS,
    says: 'It may be called while connecting; the handshake follows the connection.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', upgradeAfter: 0, mode: 'echo' });
      const socket = connect(peer.local, STARTTLS);
      const secure = t.track(socket.startTls());
      await secure.opened;
      await t.write(secure, 'secret');
      t.equal(await t.readText(secure, 6), 'secret');
    },
  },
  {
    id: 'starttls.connect-fails',
    source: OURS,
    says: 'If the connection then fails, opened and closed of the new socket reject and nothing hangs.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address, STARTTLS);
      const secure = t.track(socket.startTls());
      await t.rejects(secure.opened, 'opened of the new socket');
      await t.rejects(secure.closed, 'closed of the new socket');
      await t.within(1000, t.outcome(socket.closed), 'closed of the old socket');
    },
  },
  {
    id: 'starttls.verified',
    source: OURS,
    says: 'The certificate is verified: one by an unknown authority is refused.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { tls: 'unknown-ca' });
      const secure = t.track(socket.startTls());
      const write = t.outcome(secure.writable.getWriter().write('a secret'));
      await t.rejects(secure.opened, 'opened');
      t.equal((await write).status, 'rejected', 'the write');
      t.equal((await peer.log()).bytes, 0, 'what the peer received');
    },
  },
  {
    id: 'starttls.verified-name',
    source: OURS,
    says: 'The name is verified against the hostname of connect().',
    async body(t) {
      const { socket } = await upgradable(t, { tls: 'wrong-name' });
      await t.rejects(t.track(socket.startTls()).opened, 'opened');
    },
  },
  {
    id: 'starttls.verified-expiry',
    source: OURS,
    says: 'An expired certificate is refused.',
    async body(t) {
      const { socket } = await upgradable(t, { tls: 'expired' });
      await t.rejects(t.track(socket.startTls()).opened, 'opened');
    },
  },
  {
    id: 'starttls.sni',
    source: OURS,
    says: 'The hostname of connect() is sent as SNI.',
    async body(t) {
      const { peer, socket } = await upgradable(t);
      await t.track(socket.startTls()).opened;
      t.equal((await peer.until('secure')).servername, 'localhost', 'the name sent');
    },
  },
  {
    id: 'starttls.failure-handled',
    source: ruling('Life of a socket'),
    says: 'A handshake that fails and that nobody looks at causes no unhandled rejection.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { tls: 'unknown-ca' });
      t.track(socket.startTls());
      await peer.until('close');
      await t.sleep(50);
    },
  },
  {
    id: 'starttls.failure-settles-old',
    source: OURS,
    says: 'After a handshake that failed closed of the old socket settles, not before that of the new one.',
    async body(t) {
      const { socket } = await upgradable(t, { tls: 'expired' });
      const order = [];
      const old = t.outcome(socket.closed).then(() => order.push('old'));
      const secure = t.track(socket.startTls());
      await t.outcome(secure.closed).then(() => order.push('new'));
      await t.within(1000, old, 'closed of the old socket');
      t.equal(order.join(), 'new,old', 'the order');
    },
  },
];
