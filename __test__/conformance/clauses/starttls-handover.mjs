import { draft, ruling } from '../source.mjs';
import { upgradable } from './starttls.mjs';

const OURS = ruling('startTls()');

/** What becomes of the old socket's streams in startTls(), and what startTls() takes. */
export const handover = [
  {
    id: 'starttls.flushes',
    source: OURS,
    says: 'Plain writes that were queued are sent before the handshake.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { upgradeAfter: 13 });
      const writer = socket.writable.getWriter();
      for (const word of ['one ', 'two ', 'three']) writer.write(word).catch(() => {});
      writer.releaseLock();
      const secure = t.track(socket.startTls());
      await secure.opened;
      t.equal((await peer.log()).text, 'one two three', 'what the peer received in plain text');
    },
  },
  {
    id: 'starttls.old-read-ends',
    source: OURS,
    says: 'A read that waits on the old socket ends as done.',
    async body(t) {
      const { socket } = await upgradable(t);
      const read = socket.readable.getReader().read();
      const secure = t.track(socket.startTls());
      t.equal((await t.within(2000, read, 'read()')).done, true, 'done');
      await secure.opened;
    },
  },
  {
    id: 'starttls.old-readable-over',
    source: draft('starttls-method'),
    says: 'The readable of the old socket no longer works: it gives nothing of what arrives afterwards.',
    async body(t) {
      const { peer, socket } = await upgradable(t);
      const secure = t.track(socket.startTls());
      await secure.opened;
      await peer.send('for the new one');
      const reader = socket.readable.getReader();
      const { status, value } = await t.within(2000, t.outcome(reader.read()), 'read()');
      t.ok(status === 'rejected' || value.done, 'the old socket delivered data');
      t.equal(await t.readText(secure, 15), 'for the new one');
    },
  },
  {
    id: 'starttls.old-writes-reject',
    source: OURS,
    says: 'Writes on the old socket reject, also with its lock held from before.',
    async body(t) {
      const { peer, socket } = await upgradable(t);
      const writer = socket.writable.getWriter();
      const secure = t.track(socket.startTls());
      await t.rejects(writer.write('in plain text'), 'write()');
      await secure.opened;
      await t.rejects(writer.write('in plain text'), 'write() later');
      t.ok(!(await peer.until('secure')).wire.includes('in plain text'), 'the text was on the wire');
    },
  },
  {
    id: 'starttls.locks-held',
    source: OURS,
    says: 'It works with both locks of the old socket held.',
    async body(t) {
      const { socket } = await upgradable(t, { mode: 'echo' });
      socket.readable.getReader();
      socket.writable.getWriter();
      const secure = t.track(socket.startTls());
      await secure.opened;
      await t.write(secure, 'fine');
      t.equal(await t.readText(secure, 4), 'fine');
    },
  },
  {
    id: 'starttls.old-close-harmless',
    source: OURS,
    says: 'close() on the old socket is harmless to the new one.',
    async body(t) {
      const { socket } = await upgradable(t, { mode: 'echo' });
      const secure = t.track(socket.startTls());
      socket.close();
      await secure.opened;
      await socket.close();
      await t.write(secure, 'fine');
      t.equal(await t.readText(secure, 4), 'fine');
    },
  },
  {
    id: 'starttls.queued-on-new',
    source: OURS,
    says: 'Writes on the new socket wait for the handshake and are never sent in plain text.',
    async body(t) {
      const { peer, socket } = await upgradable(t);
      const secure = t.track(socket.startTls());
      await t.write(secure, 'a secret');
      const { text, wire } = await peer.until(8);
      t.equal(text, 'a secret', 'what the peer received');
      t.ok(!wire.includes('a secret'), 'the text was on the wire');
    },
  },
  {
    id: 'starttls.injected-bytes',
    source: OURS,
    says: 'Plain bytes that arrived before the handshake never appear on the secure socket (CVE-2011-0411).',
    async body(t) {
      const { peer, socket } = await upgradable(t, {
        upgradeAfter: 8,
        upgradeReply: 'go',
        upgradeInject: 'INJECTED',
        mode: 'echo',
      });
      await t.write(socket, 'STARTTLS');
      const reader = socket.readable.getReader({ mode: 'byob' });
      await reader.read(new Uint8Array(2));
      reader.releaseLock();
      const secure = t.track(socket.startTls());
      // Either the handshake fails, or the bytes are dropped and TLS goes on without them.
      if ((await t.outcome(secure.opened)).status === 'rejected') return;
      await t.write(secure, 'x');
      t.equal(await t.readText(secure, 1), 'x');
      t.equal((await peer.log()).secure, true, 'whether the peer saw TLS');
    },
  },
  {
    id: 'starttls.injected-bytes-read',
    source: OURS,
    says: 'Injected bytes do not appear on the secure socket either when they were never asked for.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { upgradeInject: 'INJECTED', mode: 'echo' });
      await t.sleep(50);
      const secure = t.track(socket.startTls());
      if ((await t.outcome(secure.opened)).status === 'rejected') return;
      await t.write(secure, 'x');
      t.equal(await t.readText(secure, 1), 'x');
      t.equal((await peer.log()).secure, true, 'whether the peer saw TLS');
    },
  },
  {
    id: 'starttls.half-open',
    source: OURS,
    says: 'allowHalfOpen carries over.',
    async body(t) {
      const { peer, socket } = await upgradable(t, { keepOpen: true }, { allowHalfOpen: true });
      const secure = t.track(socket.startTls());
      await secure.opened;
      await peer.end();
      await t.readAll(secure);
      await t.sleep(50);
      await t.write(secure, 'after');
      t.equal((await peer.until(5)).text, 'after', 'what the peer received');
    },
  },
  {
    id: 'starttls.option-servername',
    source: OURS,
    says: 'servername sets the name that is sent and checked.',
    body: (t) => named(t, { servername: 'alternative.example' }),
  },
  {
    id: 'starttls.option-sni',
    source: OURS,
    says: 'sni sets the name that is sent and checked, and wins over servername.',
    body: (t) => named(t, { sni: 'alternative.example', servername: 'localhost' }),
  },
  {
    id: 'starttls.option-expected-server-hostname',
    source: OURS,
    says: 'expectedServerHostname sets the name that is sent and checked.',
    body: (t) => named(t, { expectedServerHostname: 'alternative.example' }),
  },
  {
    id: 'starttls.option-checked',
    source: OURS,
    says: 'A name given to startTls() has to match: the hostname does not help.',
    async body(t) {
      const { socket } = await upgradable(t);
      const secure = t.track(socket.startTls({ servername: 'alternative.example' }));
      await t.rejects(secure.opened, 'opened');
    },
  },
  {
    id: 'starttls.option-unknown',
    source: OURS,
    says: 'Unknown members of the options are ignored: drivers pass bags of their own.',
    async body(t) {
      const { socket } = await upgradable(t);
      const bag = { host: 'nowhere.invalid', port: 1, socket: {}, rejectUnauthorized: undefined, ssl: true };
      await t.track(socket.startTls(bag)).opened;
    },
  },
  {
    id: 'starttls.option-null',
    source: OURS,
    says: 'null and undefined mean no options, and so do null members.',
    async body(t) {
      for (const options of [
        null,
        undefined,
        {},
        { sni: null, servername: null, ca: null, cert: null, key: null },
      ]) {
        const { socket } = await upgradable(t);
        await t.track(socket.startTls(options)).opened;
      }
    },
  },
  {
    id: 'starttls.option-ca',
    source: OURS,
    says: 'ca makes an authority trusted for this handshake, as text or as bytes.',
    async body(t) {
      const { stranger } = await t.credentials();
      for (const ca of [stranger, new TextEncoder().encode(stranger), [stranger]]) {
        const { socket } = await upgradable(t, { tls: 'unknown-ca' });
        await t.track(socket.startTls({ ca })).opened;
      }
    },
  },
  {
    id: 'starttls.option-ca-replaces',
    source: OURS,
    says: 'ca replaces the default authorities.',
    async body(t) {
      const { stranger } = await t.credentials();
      const { socket } = await upgradable(t);
      await t.rejects(t.track(socket.startTls({ ca: stranger })).opened, 'opened');
    },
  },
  {
    id: 'starttls.option-ca-invalid',
    source: OURS,
    says: 'A ca that is no certificate throws a SocketError, and the socket goes on working.',
    async body(t) {
      const { socket } = await upgradable(t, { mode: 'echo' });
      for (const ca of ['no certificate', 42, {}]) {
        t.socketError(t.throws(() => socket.startTls({ ca }), 'startTls()'));
      }
      t.equal(socket.upgraded, false, 'upgraded');
      await t.track(socket.startTls()).opened;
    },
  },
  {
    id: 'starttls.option-client-certificate',
    source: OURS,
    says: 'cert and key are shown to a server that asks for a client certificate.',
    async body(t) {
      const { clientCert, clientKey } = await t.credentials();
      const { peer, socket } = await upgradable(t, { requestCert: true, mode: 'echo' });
      const secure = t.track(socket.startTls({ cert: clientCert, key: clientKey }));
      await t.write(secure, 'x');
      await t.read(secure, 1);
      t.equal((await peer.until('secure')).clientCertificate, 'client', 'whose certificate it was');
    },
  },
];

/** That startTls() with `options` sends the name of a certificate that fits no hostname, and accepts it. */
async function named(t, options) {
  const { peer, socket } = await upgradable(t, { tls: 'alternative' });
  await t.track(socket.startTls(options)).opened;
  t.equal((await peer.until('secure')).servername, 'alternative.example', 'the name sent');
}
