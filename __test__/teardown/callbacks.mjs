/** Places where code of the user's runs because of a socket. Each calls `end` there, which does not return or throws. */
import { subscribe } from 'node:diagnostics_channel';
import { createBinding } from 'wintersock';
import * as duplex from 'wintersock/node';
import { dialer } from './activities.mjs';

const at = (where, name) => ({ port: where.ports[name], host: '127.0.0.1' });

/** @type {Record<string, (where: import('./activities.mjs').Where, end: () => void) => unknown>} */
export const callbacks = {
  opened: (where, end) => dialer(where)('sink').opened.then(end),
  'opened, with TLS': (where, end) => dialer(where).secure('sinkTls').opened.then(end),
  'a read of a flood': (where, end) => {
    const reader = dialer(where)('flood').readable.getReader();
    return Promise.all(Array.from({ length: 20 }, () => reader.read())).then(end);
  },
  'a read of a flood with TLS': (where, end) => {
    const reader = dialer(where).secure('floodTls').readable.getReader({ mode: 'byob' });
    return reader.read(new Uint8Array(100_000)).then(end);
  },
  'a write': (where, end) => dialer(where)('sink').writable.getWriter().write('some').then(end),
  'a sink that is piped to': (where, end) =>
    dialer(where)
      .secure('floodTls')
      .readable.pipeTo(new WritableStream({ write: end })),
  closed: (where, end) => {
    const socket = dialer(where)('brief');
    socket.readable.pipeTo(new WritableStream());
    return socket.closed.then(end);
  },
  'closed, of close()': async (where, end) => {
    const socket = dialer(where).secure('sinkTls');
    await socket.opened;
    await socket.close().then(end);
  },
  'a connection that was refused': (where, end) =>
    dialer(where)
      .connect(`127.0.0.1:${where.refused}`)
      .opened.catch(() => end()),
  'the end of a stream': (where, end) => {
    const reader = dialer(where)('brief').readable.getReader();
    const next = () => reader.read().then(({ done }) => (done ? end() : next()));
    return next();
  },
  'a channel, in the call of connect()': (where, end) => {
    subscribe('tracing:wintersock:connect:end', end);
    dialer(where)('sink');
  },
  'a channel, when it has opened': (where, end) => {
    subscribe('wintersock:opened', end);
    dialer(where).secure('sinkTls');
  },
  'a channel, when it is over': (where, end) => {
    subscribe('wintersock:closed', end);
    dialer(where)('brief').readable.pipeTo(new WritableStream());
  },
  'resolve of a binding': (where, end) =>
    createBinding({ resolve: end }).connect(`name.example:${where.ports.sink}`),
  'resolve of a binding, later': (where, end) =>
    createBinding({ resolve: () => Promise.resolve().then(end) }).connect(`name.example:${where.ports.sink}`),
  'an option that is read': (where, end) => {
    const options = Object.defineProperty({}, 'alpn', { get: end });
    dialer(where)('sink', options);
  },
  'an option of startTls() that is read': async (where, end) => {
    const socket = dialer(where)('sinkTls', { secureTransport: 'starttls' });
    await socket.opened;
    socket.startTls(Object.defineProperty({}, 'ca', { get: end }));
  },
  'the abort of a signal': (where, end) => {
    const controller = new AbortController();
    controller.signal.addEventListener('abort', end);
    dialer(where).secure('silent', { signal: controller.signal });
    controller.abort();
  },
  'connect of a duplex': (where, end) => duplex.createConnection(at(where, 'sink')).on('connect', end),
  'data of a duplex': (where, end) => duplex.createConnection(at(where, 'flood')).on('data', end),
  'data of a duplex with TLS': (where, end) =>
    duplex
      .createConnection({ ...at(where, 'floodTls'), ca: where.ca, secureTransport: 'on' })
      .on('data', end),
  'drain of a duplex': (where, end) =>
    duplex
      .createConnection(at(where, 'sink'))
      .on('drain', end)
      .write(new Uint8Array(8 * 1024 * 1024)),
  'the check of a name': (where, end) =>
    duplex.createConnection({
      ...at(where, 'sinkTls'),
      ca: where.ca,
      secureTransport: 'on',
      checkServerIdentity: end,
    }),
  'lookup of a duplex': (where, end) =>
    duplex.createConnection({ port: where.ports.sink, host: 'localhost', lookup: end }),
  'close of a duplex': (where, end) => duplex.createConnection(at(where, 'brief')).resume().on('close', end),
  'error of a duplex': (where, end) => duplex.createConnection(where.refused, '127.0.0.1').on('error', end),
  'nextTick() within an event': (where, end) =>
    duplex.createConnection(at(where, 'flood')).on('data', () => process.nextTick(end)),
};

/** Where what is thrown is the failure of the socket, and ends nothing. */
export const caught = new Set([
  'resolve of a binding',
  'resolve of a binding, later',
  'the check of a name',
  'lookup of a duplex',
]);
