import { draft, ruling, workerd } from '../source.mjs';

/** What connect() does when the connection comes about. */
export const connecting = [
  {
    id: 'connect.returns-synchronously',
    source: draft('connect-section'),
    says: 'connect() returns a socket at once, before anything is connected.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      t.ok(!(socket instanceof Promise), 'connect() returned a promise');
      t.equal(typeof socket.close, 'function', 'the type of close');
    },
  },
  {
    id: 'connect.pending-at-first',
    source: draft('connect-section'),
    says: 'opened and closed are pending while the connection attempt is unanswered.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      await t.pending(socket.opened, 'opened', 150);
      await t.pending(socket.closed, 'closed', 20);
    },
  },
  {
    id: 'connect.attributes-at-once',
    source: draft('connect-section'),
    says: 'Every attribute is there as soon as connect() returns.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      for (const name of ['readable', 'writable', 'opened', 'closed', 'upgraded']) {
        t.ok(socket[name] !== undefined && socket[name] !== null, `${name} is missing`);
      }
    },
  },
  {
    id: 'connect.dials',
    source: draft('connect-concept-section'),
    says: 'The socket connects by itself, without anything being read, written or awaited.',
    async body(t, { connect }) {
      const peer = await t.peer();
      connect(peer.address);
      await peer.arrivals(1);
    },
  },
  {
    id: 'connect.string-or-dictionary',
    source: draft('anysocketaddress-type'),
    says: 'connect() takes "host:port" and { hostname, port } alike.',
    async body(t, { connect }) {
      const peer = await t.peer();
      await connect(peer.address).opened;
      await connect({ hostname: peer.hostname, port: peer.port }).opened;
      await peer.arrivals(2);
    },
  },
  {
    id: 'connect.by-name',
    source: draft('anysocketaddress-type'),
    says: 'A host name is resolved.',
    async body(t, { connect }) {
      const peer = await t.peer();
      await connect(peer.local).opened;
    },
  },
  {
    id: 'connect.by-name-second-family',
    source: ruling('Addresses'),
    says: 'A name with a dead address family connects through the other one, without a timeout of its own.',
    async body(t, { connect }) {
      // Where localhost has both addresses one of them refuses; where it has one there is nothing to lose.
      const peer = await t.peer();
      await t.within(1500, connect({ hostname: 'localhost', port: peer.port }).opened, 'opened');
    },
  },
  {
    id: 'connect.ipv6',
    source: ruling('Addresses'),
    says: 'An IPv6 address connects.',
    async body(t, { connect }) {
      const peer = await t.peer({ family: '::1' });
      await connect(`[::1]:${peer.port}`).opened;
      t.equal((await peer.until('remoteFamily')).remoteFamily, 'IPv6', 'the address family');
    },
  },
  {
    id: 'connect.independent',
    source: draft('socket-concept-section'),
    says: 'Two sockets to one address are two connections that do not touch each other.',
    async body(t, { connect }) {
      const peer = await t.peer({ mode: 'echo' });
      const first = connect(peer.address);
      const second = connect(peer.address);
      t.ok(first !== second && first.readable !== second.readable, 'the sockets share something');
      await Promise.all([first.opened, second.opened]);
      await first.close();
      await t.write(second, 'still here');
      t.equal(await t.readText(second, 10), 'still here');
    },
  },
  {
    id: 'opened.resolves',
    source: draft('opened-attribute'),
    says: 'opened resolves once the connection is established.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const { opened } = connect(peer.address);
      t.ok(opened instanceof Promise, 'opened is no promise');
      await opened;
      await peer.until('remotePort');
    },
  },
  {
    id: 'opened.info-object',
    source: draft('socketinfo-dictionary'),
    says: 'opened resolves with an object that has remoteAddress, localAddress and alpn.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const info = await connect(address).opened;
      t.ok(info !== null && typeof info === 'object', 'opened resolved with no object');
      for (const name of ['remoteAddress', 'localAddress', 'alpn']) t.ok(name in info, `${name} is missing`);
    },
  },
  {
    id: 'opened.remote-address',
    source: draft('socketinfo-dictionary'),
    says: 'remoteAddress is a host and a port joined by a colon.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const { remoteAddress } = await connect(peer.address).opened;
      t.equal(remoteAddress, peer.address, 'remoteAddress');
    },
  },
  {
    id: 'opened.remote-address-as-asked',
    source: ruling('Life of a socket'),
    says: 'remoteAddress is the address that was asked for, name included.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const { remoteAddress } = await connect(peer.local).opened;
      t.equal(remoteAddress, peer.local, 'remoteAddress');
    },
  },
  {
    id: 'opened.remote-address-ipv6',
    source: ruling('Life of a socket'),
    says: 'In remoteAddress an IPv6 address has brackets, however it was given.',
    async body(t, { connect }) {
      const peer = await t.peer({ family: '::1' });
      const { remoteAddress } = await connect({ hostname: '::1', port: peer.port }).opened;
      t.equal(remoteAddress, `[::1]:${peer.port}`, 'remoteAddress');
    },
  },
  {
    id: 'opened.local-address',
    source: ruling('Life of a socket'),
    says: 'localAddress is the real local endpoint, as the peer sees it.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const { localAddress } = await connect(peer.local).opened;
      t.equal(localAddress, `127.0.0.1:${(await peer.until('remotePort')).remotePort}`, 'localAddress');
    },
  },
  {
    id: 'opened.local-address-ipv6',
    source: ruling('Life of a socket'),
    says: 'An IPv6 localAddress has brackets.',
    async body(t, { connect }) {
      const peer = await t.peer({ family: '::1' });
      const { localAddress } = await connect(peer.address).opened;
      t.equal(localAddress, `[::1]:${(await peer.until('remotePort')).remotePort}`, 'localAddress');
    },
  },
  {
    id: 'opened.alpn-null',
    source: draft('socketinfo-dictionary'),
    says: 'alpn is null on a connection without TLS, not undefined.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      t.equal((await connect(address).opened).alpn, null, 'alpn');
    },
  },
  {
    id: 'opened.starttls-before-tls',
    source: draft('socketoptions-dictionary'),
    says: 'With "starttls" opened resolves once TCP is connected: no handshake is begun.',
    async body(t) {
      const peer = await t.peer();
      await t.open(peer.address, { secureTransport: 'starttls' });
      await t.sleep(50);
      t.equal((await peer.until('remotePort')).bytes, 0, 'what the peer received');
    },
  },
  {
    id: 'opened.closed-stays-pending',
    source: draft('closed-attribute'),
    says: 'closed stays pending while the connection is open.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      await t.pending(socket.closed, 'closed');
    },
  },
  {
    id: 'connect.plain-by-default',
    source: draft('socketoptions-dictionary'),
    says: 'Without secureTransport the connection is in plain text.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await t.write(socket, 'plain');
      t.equal((await peer.until(5)).text, 'plain', 'what the peer received');
    },
  },
  {
    id: 'connect.no-delay',
    source: workerd,
    says: 'A short write arrives without waiting for more.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      for (let sent = 1; sent <= 5; sent++) {
        await writer.write('.');
        await t.within(1000, peer.until(sent), `byte ${sent}`);
      }
    },
  },
];
