/** What an environment does until it ends: the main thread of a process, or a worker. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createContext, runInContext } from 'node:vm';
import { connect, createBinding } from 'wintersock';
import * as duplex from 'wintersock/node';
import { activities, dialer, read, shaped, write } from './activities.mjs';
import { callbacks, caught } from './callbacks.mjs';
import { endings, THROWN } from './endings.mjs';
import { startWorker } from './workers.mjs';

/** @typedef {import('./activities.mjs').Where} Where */
/** @typedef {import('./scenarios.mjs').Plan} Plan */

const ignore = () => {};
/** All of them in the first round, then each alone. */
function chosen(names, { round }) {
  const ways = [Object.keys(activities), ...Object.keys(activities).map((name) => [name])];
  return names ?? ways[round % ways.length];
}

/**
 * Programs resolve with their sockets when these are at work, or end by themselves.
 * @type {Record<string, (where: Where, plan: Plan, ready: () => void) => unknown>}
 */
export const programs = {
  work: async (where, { activities: names }) => {
    const sockets = await Promise.all(chosen(names, where).map((name) => activities[name](where)));
    return sockets.flat();
  },

  nothing: () => [],

  /** Connects as fast as it can, to all that there is. */
  connecting: (where, _, ready) => {
    const to = dialer(where);
    const sockets = [];
    const ways = [
      () => to('flood'),
      () => to.secure('floodTls'),
      () => to.connect(`127.0.0.1:${where.hole}`),
      () => to.connect(`127.0.0.1:${where.refused}`),
      () => to.connect(`localhost:${where.ports.sink}`),
      () => duplex.createConnection(where.ports.echo, '127.0.0.1').on('error', ignore),
    ];
    const next = (index) => {
      for (const way of ways) sockets.push(way());
      // Not without end: it is the moment that matters, and descriptors are limited.
      if (index < 40) setImmediate(next, index + 1);
    };
    next(0);
    ready();
    return sockets;
  },

  /** Reads configurations of TLS, time and again. */
  parsing: (where, _, ready) => {
    const roots = Array.from({ length: 40 }, () => where.ca).join('');
    const round = () => {
      const binding = createBinding({ ca: roots, allow: ['local'], deny: ['public', '*.example'] });
      binding.connect(`127.0.0.1:${where.ports.sinkTls}`, { secureTransport: 'on' });
      setImmediate(round);
    };
    round();
    ready();
    return [];
  },

  /** Takes more memory than it may, in a callback of a socket. */
  memory: async (where, plan, ready) => {
    const sockets = await programs.work(where, plan, ready);
    const kept = [];
    duplex.createConnection(where.ports.flood, '127.0.0.1').on('data', () => {
      for (let count = 0; count < 1000; count += 1) kept.push(Array.from({ length: 100 }, () => ({ kept })));
    });
    return sockets;
  },

  /** Ends within a callback. */
  callback: async (where, { turn, ending }) => {
    const names = Object.keys(callbacks).filter((name) => ending === 'exit' || !caught.has(name));
    const name = names[turn % names.length];
    const sockets = await activities.idle(where);
    await callbacks[name](where, endings[ending]);
    return sockets;
  },

  /** Goes on after an error in each of some callbacks. */
  caught: async (where, { turn }) => {
    const names = Object.keys(callbacks).filter((name) => !caught.has(name));
    for (let index = 0; index < 4; index += 1) {
      const name = names[(turn + index) % names.length];
      const thrown = new Promise((resolve) => {
        for (const event of ['uncaughtException', 'unhandledRejection']) {
          process.removeAllListeners(event).on(event, resolve);
        }
      });
      const begun = (async () => callbacks[name](where, endings.throw))();
      begun.catch((error) => process.emit('uncaughtException', error));
      const { message } = await thrown;
      if (message !== THROWN) process.exit(1);
      const to = dialer(where);
      for (const socket of [to('echo'), to.secure('echoTls')]) {
        await socket.writable.getWriter().write('still here');
        const { value } = await socket.readable.getReader().read();
        if (new TextDecoder().decode(value) !== 'still here') process.exit(1);
      }
    }
    return [];
  },

  /** Never comes back from a callback. */
  busy: async (where, { kind }, ready) => {
    await activities.reading(where);
    const forever = () => {
      ready();
      if (kind === 'waits') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      for (;;);
    };
    const to = dialer(where);
    if (kind === 'resolve') createBinding({ resolve: forever }).connect('name.example:1');
    else if (kind === 'duplex') duplex.createConnection(where.ports.flood, '127.0.0.1').on('data', forever);
    else if (kind === 'promise') to('sink').opened.then(forever);
    else to.secure('sinkTls').readable.getReader().read().then(forever);
    return sleep(2 ** 30);
  },

  /** Uses sockets when the end has begun. */
  handlers: async (where) => {
    const to = dialer(where);
    const [plain, secure] = await Promise.all([read(to('flood')), write(to.secure('sinkTls'))]);
    const idle = await Promise.all(['sink', 'deaf', 'silent'].map((name) => shaped(where, name)));
    const upgrading = to('sinkTls', { secureTransport: 'starttls' });
    await upgrading.opened;
    const untouched = to('echo');
    await untouched.opened;
    const lastWords = () => {
      untouched.writable.getWriter().write('last words').catch(ignore);
      untouched.readable.getReader().read().catch(ignore);
      upgrading.startTls({ ca: where.ca }).opened.catch(ignore);
      idle[0].end('last words');
      idle[1].destroy();
      idle[2].write(new Uint8Array(8 * 1024 * 1024));
      void [plain.stats, secure.stats];
      plain.close();
      secure.ref().unref();
    };
    const begin = () => {
      for (const dial of [connect, createBinding({ ca: where.ca }).connect]) {
        dial(`127.0.0.1:${where.ports.sink}`).unref().writable.getWriter().write('more').catch(ignore);
        dial(`127.0.0.1:${where.hole}`, { secureTransport: 'on' }).unref();
        dial(`localhost:${where.ports.sink}`).close();
      }
      const late = duplex.createConnection(where.ports.sink, '127.0.0.1').on('error', ignore);
      late.write('more', () => late.destroy());
    };
    process.once('beforeExit', begin).once('exit', begin).once('exit', lastWords);
    return [plain, secure, upgrading, untouched, ...idle];
  },

  /** The package more than once: loaded again, installed twice, and in other contexts. */
  copies: async (where) => {
    const require = createRequire(import.meta.url);
    const index = require.resolve('wintersock');
    const sockets = [];
    for (let copy = 0; copy < 3; copy += 1) {
      for (const path of Object.keys(require.cache)) {
        if (path.startsWith(dirname(index))) delete require.cache[path];
      }
      const other = require(copy === 2 ? where.other : index).createBinding({ ca: where.ca }).connect;
      const options = { secureTransport: copy % 2 ? 'on' : 'off' };
      // A name, so that the addon has started its thread when the first of these workers ends.
      const at = copy % 2 ? `127.0.0.1:${where.ports.floodTls}` : `localhost:${where.ports.flood}`;
      sockets.push(await read(other(at, options)));
      const context = createContext({ other, connect, sockets });
      runInContext(
        `for (const dial of [other, connect]) {
          const socket = dial('127.0.0.1:${where.ports.flood}');
          const reader = socket.readable.getReader();
          (async () => { while (!(await reader.read()).done); })().catch(() => {});
          sockets.push(socket);
        }`,
        context,
      );
    }
    globalThis.gc?.();
    return Promise.all(sockets.map((socket) => socket.opened.then(() => socket)));
  },

  /** Drops its sockets while others are collected, and hears of that until the end. */
  collected: async (where) => {
    const registry = new FinalizationRegistry((name) => {
      connect(`127.0.0.1:${where.ports.sink}`).close();
      globalThis.gone = name;
    });
    for (let round = 0; round < 2; round += 1) {
      for (const name of ['idle', 'connecting', 'handshaking']) {
        for (const socket of await activities[name](where)) registry.register(socket.unref(), name);
        globalThis.gc?.();
      }
    }
    return [];
  },

  /** Workers of its own. */
  nested: async (where, _) => {
    const workers = Array.from({ length: 2 }, () =>
      startWorker(where, { program: 'work', activities: ['reading', 'connecting'] }),
    );
    const sockets = await activities.reading(where);
    await Promise.all(workers.map(({ atWork }) => atWork));
    return [...sockets, ...workers.map(({ worker }) => worker)];
  },

  /** Leaves a process behind that goes on until its own connection ends. */
  children: async (where, plan, ready) => {
    const sockets = await programs.work(where, plan, ready);
    const { spawn } = await import('node:child_process');
    const source = `require('node:net').connect(${where.ports.control}, '127.0.0.1').resume().on('connect', () => process.send('here'))`;
    const child = spawn(process.execPath, ['-e', `${source}.on('error', () => {})`], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    await new Promise((resolve) => child.once('message', resolve));
    child.disconnect();
    child.unref();
    return sockets;
  },

  /** Names that the system is asked for, and nobody answers. Whoever ends does not wait for that. */
  unanswered: () => ['on', 'off'].map((secureTransport) => connect('one.example:1', { secureTransport })),
};
