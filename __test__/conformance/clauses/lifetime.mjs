import { ruling } from '../source.mjs';

const LIFE = ruling('Life of a socket');

/** What a socket means to the life of its process, and what it leaves behind. */
export const lifetime = [
  {
    id: 'dispose.closes',
    source: ruling('The API'),
    says: 'Symbol.asyncDispose closes the socket and resolves when it is closed.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      const dispose = socket[Symbol.asyncDispose];
      t.equal(typeof dispose, 'function', 'the type of the method');
      await dispose.call(socket);
      t.equal(await t.state(socket.closed), 'resolved', 'closed');
      await peer.until('end');
    },
  },
  {
    id: 'dispose.twice',
    source: ruling('The API'),
    says: 'Disposing of a closed socket is harmless.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      await socket.close();
      t.equal(typeof socket[Symbol.asyncDispose], 'function', 'the type of the method');
      await socket[Symbol.asyncDispose]();
    },
  },
  {
    id: 'process.import-alone',
    source: LIFE,
    says: 'Importing the module does not keep the process alive.',
    node: true,
    async body(t) {
      const { exited, code, stdout } = await t.node.solo(() => console.log('imported'));
      t.equal(stdout, 'imported', 'the output');
      t.ok(exited && code === 0, 'the process did not end by itself');
    },
  },
  {
    id: 'process.open-socket-keeps',
    source: LIFE,
    says: 'An open socket keeps the process alive.',
    node: true,
    async body(t) {
      const { address } = await t.peer();
      const script = async ({ connect }, args) => {
        globalThis.socket = connect(args.address);
        await globalThis.socket.opened;
        console.log('open');
      };
      const { exited, stdout } = await t.node.solo(script, { args: { address }, linger: 800 });
      t.equal(stdout, 'open', 'the output');
      t.equal(exited, false, 'whether the process ended');
    },
  },
  {
    id: 'process.connecting-keeps',
    source: LIFE,
    says: 'A socket that is connecting keeps the process alive.',
    node: true,
    async body(t) {
      const { address } = await t.blackHole();
      const script = ({ connect }, args) => {
        globalThis.socket = connect(args.address);
        console.log('connecting');
      };
      const { exited, stdout } = await t.node.solo(script, { args: { address }, linger: 800 });
      t.equal(stdout, 'connecting', 'the output');
      t.equal(exited, false, 'whether the process ended');
    },
  },
  {
    id: 'process.close-lets-exit',
    source: LIFE,
    says: 'After close() the process can exit, although the peer keeps its side open.',
    node: true,
    async body(t) {
      const { address } = await t.peer({ keepOpen: true });
      const script = async ({ connect }, args) => {
        const socket = connect(args.address);
        await socket.opened;
        await socket.close();
        console.log('closed');
      };
      const { exited, code, stdout } = await t.node.solo(script, { args: { address } });
      t.equal(stdout, 'closed', 'the output');
      t.ok(exited && code === 0, 'the process did not end by itself');
    },
  },
  {
    id: 'process.close-connecting-lets-exit',
    source: LIFE,
    says: 'After close() while connecting the process can exit.',
    node: true,
    async body(t) {
      const { address } = await t.blackHole();
      const script = async ({ connect }, args) => {
        await connect(args.address).close();
        console.log('closed');
      };
      const { exited, code, stdout } = await t.node.solo(script, { args: { address } });
      t.equal(stdout, 'closed', 'the output');
      t.ok(exited && code === 0, 'the process did not end by itself');
    },
  },
  {
    id: 'process.peer-end-lets-exit',
    source: LIFE,
    says: 'When the peer has ended and the stream is read, the process can exit.',
    node: true,
    async body(t) {
      const { address } = await t.peer({ script: [['send', 'bye'], ['end']] });
      const script = async ({ connect }, args) => {
        for await (const chunk of connect(args.address).readable)
          console.log(new TextDecoder().decode(chunk));
      };
      const { exited, code, stdout } = await t.node.solo(script, { args: { address } });
      t.equal(stdout, 'bye', 'the output');
      t.ok(exited && code === 0, 'the process did not end by itself');
    },
  },
  {
    id: 'process.failure-lets-exit',
    source: LIFE,
    says: 'A refused connection that nobody looks at lets the process exit with code 0.',
    node: true,
    async body(t) {
      const { address } = await t.refused();
      const script = ({ connect }, args) => {
        connect(args.address);
        console.log('connecting');
      };
      const { exited, code, stdout } = await t.node.solo(script, { args: { address } });
      t.equal(stdout, 'connecting', 'the output');
      t.ok(exited, 'the process did not end by itself');
      t.equal(code, 0, 'the exit code');
    },
  },
  {
    id: 'process.unref',
    source: LIFE,
    says: 'unref() lets the process exit although the socket is open.',
    node: true,
    async body(t) {
      const { address } = await t.peer();
      const script = async ({ connect }, args) => {
        const socket = connect(args.address);
        await socket.opened;
        socket.unref();
        console.log('open');
      };
      const { exited, code, stdout } = await t.node.solo(script, { args: { address } });
      t.equal(stdout, 'open', 'the output');
      t.ok(exited && code === 0, 'the process did not end by itself');
    },
  },
  {
    id: 'process.ref',
    source: LIFE,
    says: 'ref() after unref() keeps the process alive again.',
    node: true,
    async body(t) {
      const { address } = await t.peer();
      const script = async ({ connect }, args) => {
        const socket = connect(args.address);
        await socket.opened;
        socket.unref();
        socket.ref();
        console.log('open');
      };
      const { exited, stdout } = await t.node.solo(script, { args: { address }, linger: 800 });
      t.equal(stdout, 'open', 'the output');
      t.equal(exited, false, 'whether the process ended');
    },
  },
  {
    id: 'process.permission',
    source: LIFE,
    says: 'Without permission for the network connect() throws ERR_ACCESS_DENIED, and nothing is dialled.',
    node: true,
    async body(t) {
      if (!t.node.takesFlag('--allow-net')) t.notApplicable('this Node has no permission for the network');
      const peer = await t.peer();
      const script = async ({ connect }, args) => {
        try {
          await connect(args.address).opened;
          console.log('connected');
        } catch (error) {
          console.log(error.code);
        }
        process.exit();
      };
      const node = ['--permission', '--allow-fs-read=*', '--allow-addons'];
      const { stdout } = await t.node.solo(script, { args: { address: peer.address }, node });
      t.equal(stdout, 'ERR_ACCESS_DENIED', 'the code');
      t.equal(await peer.accepted(), 0, 'the number of connections');
    },
  },
  {
    id: 'descriptors.closed',
    source: LIFE,
    says: 'Sockets that were closed, refused, reset, or ended by the peer leave no descriptor behind.',
    node: true,
    async body(t, { connect }) {
      const before = t.node.openSockets();
      if (before === null) t.notApplicable('the system does not tell which descriptors are open');
      const refused = await t.refused();
      const ending = await t.peer({ script: [['end']] });
      const resetting = await t.peer({ script: [['reset']] });
      const staying = await t.peer();
      for (let round = 0; round < 5; round++) {
        await t.outcome(connect(refused.address).opened);
        await t.readUntilFailure(connect(ending.address));
        await t.readUntilFailure(connect(resetting.address));
        await (await t.open(staying.address)).close();
        connect(staying.address).close();
      }
      for (let tries = 0; tries < 20 && t.node.openSockets() > before; tries++) await t.sleep(50);
      t.equal(t.node.openSockets(), before, 'the number of descriptors');
    },
  },
  {
    id: 'descriptors.half-open',
    source: LIFE,
    says: 'With allowHalfOpen the descriptor is freed once both sides have ended.',
    node: true,
    async body(t) {
      const before = t.node.openSockets();
      if (before === null) t.notApplicable('the system does not tell which descriptors are open');
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address, { allowHalfOpen: true });
      await t.readAll(socket);
      await socket.writable.close();
      for (let tries = 0; tries < 20 && t.node.openSockets() > before; tries++) await t.sleep(50);
      t.equal(t.node.openSockets(), before, 'the number of descriptors');
    },
  },
];
