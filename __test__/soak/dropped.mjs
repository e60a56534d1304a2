/**
 * Sockets that are open and idle, and of which nobody holds anything any more: `node --expose-gc dropped.mjs <job as JSON>`. Says in a
 * line of JSON what is left of them two seconds after a collection. Has to end by itself.
 */
import { setMaxListeners } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBinding } from 'wintersock';
import { openSockets } from '../fixtures/descriptors.mjs';
import { Ground } from './ground.mjs';
import { exchange, trip } from './talk.mjs';

const { places, kind, count } = JSON.parse(process.argv[2]);

/** Timers of this length that have been set and not ended. */
const IDLE = 3_600_017;
let timers = 0;
const { setTimeout: set, clearTimeout: clear } = globalThis;
const lengths = new WeakMap();
globalThis.setTimeout = (run, length, ...args) => {
  const timer = set(run, length, ...args);
  lengths.set(timer, length);
  if (length === IDLE) timers += 1;
  return timer;
};
globalThis.clearTimeout = (timer) => {
  if (lengths.get(timer) === IDLE) timers -= 1;
  lengths.delete(timer);
  clear(timer);
};

const ground = new Ground(places);
const { ca } = places;
const on = { secureTransport: 'on' };
const all = {
  ...{ ca, idleTimeout: IDLE, connectTimeout: 60_000, maxConnections: 2000, keepAlive: true },
  ...{ deny: ['10.0.0.0/8'], resolve: () => ['127.0.0.1'] },
};
const limited = createBinding(all);
const { signal } = new AbortController();
// Node 20 counts those of duplexes, as it does those of net.Socket.
setMaxListeners(0, signal);

/** Opens one and uses it. */
const kinds = {
  'web streams': () => used(ground.unbound(ground.plain.echo)),
  'web streams, TLS': () => used(ground.web(ground.tls.echo, on)),
  'web streams, StartTLS': async () => {
    const plain = ground.web(ground.ports.starttls, { secureTransport: 'starttls' });
    const [reader, writer] = [plain.readable.getReader(), plain.writable.getWriter()];
    await writer.write('STARTTLS');
    await reader.read();
    return used(ground.watched(plain.startTls()));
  },
  'web streams, half of them of a binding': (index) =>
    used(index % 2 === 0 ? ground.unbound(ground.plain.echo) : ground.web(ground.plain.echo)),
  'web streams, each of a binding of its own': () =>
    used(ground.web(ground.plain.echo, {}, { binding: createBinding({ ca }) })),
  'web streams with every limit and a signal': () =>
    used(ground.web(ground.plain.echo, { signal }, { binding: limited, host: 'db.example' })),
  'web streams with every limit and a signal, TLS': () => {
    const options = { ...on, signal, sni: '127.0.0.1' };
    return used(ground.web(ground.tls.echo, options, { binding: limited, host: 'db.example' }));
  },
  'web streams that have ended our side': async () => {
    const socket = ground.web(ground.ports.stays, { allowHalfOpen: true });
    await socket.opened;
    await socket.writable.close();
    return socket;
  },
  'web streams with a read that was cancelled': async () => {
    const socket = await used(ground.web(ground.plain.echo));
    await socket.readable.cancel();
    return socket;
  },
  'duplexes that were destroyed': (index) => destroyed(ground.plain.echo, index % 2 ? { signal } : {}),
  'duplexes that were destroyed, TLS': (index) =>
    destroyed(ground.tls.echo, { ...on, timeout: IDLE, ...(index % 2 && { signal, binding: limited }) }),
};

async function used(socket) {
  await trip(socket);
  return socket;
}

async function destroyed(port, options) {
  const duplex = ground.duplex(port, options);
  await exchange(duplex, undefined, false);
  return duplex;
}

/** What comes with the first connections, and stays. */
async function first(socket) {
  await trip(socket);
  await socket.close();
}

async function open(number) {
  const sockets = [];
  const lane = async () => {
    for (let index = sockets.length; index < number; index = sockets.length) {
      sockets.push(undefined);
      sockets[index] = await kinds[kind](index);
    }
  };
  await Promise.all(Array.from({ length: 32 }, lane));
  const opened = openSockets() - before;
  for (const socket of sockets) socket.destroy?.();
  return opened;
}

await first(ground.unbound(ground.plain.echo));
await first(ground.web(ground.tls.echo, on));
await sleep(50);
const before = openSockets();
const opened = await open(count);
await sleep(1);
const begun = performance.now();
for (let round = 0; round < 5; round += 1) {
  globalThis.gc();
  await sleep(5);
}
const over = () => openSockets() <= before && ground.alive === 0 && timers === 0;
while (!over() && performance.now() - begun < 2000) await sleep(10);
console.log(JSON.stringify({ opened, left: openSockets() - before, alive: ground.alive, timers }));
