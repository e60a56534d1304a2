import net from 'node:net';
import { connecting, eachSocket } from './frame.mjs';

/** @type {import('./frame.mjs').Defect[]} */
export const processes = [
  {
    name: 'import-keeps-alive',
    says: 'Something that the module starts when it is imported keeps the process alive.',
    tries: ['process.'],
    apply: () => {
      setInterval(() => {}, 1000);
      return {};
    },
  },
  {
    name: 'sockets-never-keep-alive',
    says: 'No socket keeps the process alive.',
    tries: ['process.'],
    apply: eachSocket((socket) => {
      socket.unref();
      socket.ref = () => socket;
    }),
  },
  {
    name: 'unref-does-nothing',
    says: 'unref() does nothing and returns nothing.',
    tries: ['process.unref', 'idl.ref'],
    apply: eachSocket((socket) => {
      socket.unref = () => {};
    }),
  },
  {
    name: 'timers-keep-alive',
    says: 'Each socket starts a timer that outlives it.',
    tries: ['process.'],
    apply: connecting((connect, address, options) => {
      setTimeout(() => {}, 60_000);
      return connect(address, options);
    }),
  },
  {
    name: 'descriptors-leak',
    says: 'Each attempt to connect leaves a descriptor behind.',
    tries: ['descriptors.'],
    apply: connecting((connect, address, options) => {
      net.createServer().unref().listen(0);
      return connect(address, options);
    }),
  },
  {
    name: 'permission-ignored',
    says: "Node's permission model is not asked.",
    tries: ['process.permission'],
    apply: connecting((connect, address, options) => {
      Object.defineProperty(process, 'permission', { value: undefined, configurable: true });
      return connect(address, options);
    }),
  },
  {
    name: 'dispose-does-nothing',
    says: 'Symbol.asyncDispose resolves and closes nothing; a second time it throws.',
    tries: ['dispose.', 'idl.async-dispose'],
    apply: eachSocket((socket) => {
      let used = 0;
      socket.closed.then(
        () => {
          used++;
        },
        () => {},
      );
      socket[Symbol.asyncDispose] = async () => {
        if (used++) throw new TypeError('disposed of already');
      };
    }),
  },
];
