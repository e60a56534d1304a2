/** wintersock/node beside node:net: names that are looked up in another way, and signals. */
import type { LookupFunction } from 'node:net';
import { describe } from 'vitest';
import { greeter, used } from './duplex/greeter.ts';
import { closes, happens, type Stage, turns, twins } from './duplex/stage.ts';

const HOST = '127.0.0.1';

describe('a lookup of our own', () => {
  /** Answers as it is asked: one address, or all. */
  const answer =
    (at: Stage, ...addresses: { address: string; family: number }[]): LookupFunction =>
    (host, options, found) => {
      at.note('asked for', host, options.family ?? 0, options.all ?? false);
      const [{ address, family } = { address: '', family: 0 }] = addresses;
      process.nextTick(() => (options.all ? found(null, addresses) : found(null, address, family)));
    };

  twins('is asked, and tells what it found', async (at) => {
    const port = await greeter(at);
    const lookup = answer(at, { address: HOST, family: 4 });
    await used(at, at.side.createConnection({ port, host: 'name.test', lookup }));
  });

  twins('is asked for a family', async (at) => {
    const port = await greeter(at);
    const lookup = answer(at, { address: HOST, family: 4 });
    await used(at, at.side.createConnection({ port, host: 'name.test', lookup, family: 4 }));
  });

  twins('is not asked about an address', async (at) => {
    const port = await greeter(at);
    await used(at, at.side.createConnection({ port, host: HOST, lookup: answer(at) }));
  });

  twins('fails: its own error is what comes', async (at) => {
    const wrong = Object.assign(new Error('no such name'), { code: 'ENAME', hostname: 'name.test' });
    const lookup = ((_host, _options, found) => process.nextTick(found, wrong)) as LookupFunction;
    const socket = at.watch(at.side.createConnection({ port: 1, host: 'name.test', lookup }));
    socket.on('error', (error) => at.note(error === wrong));
    await closes(socket);
  });

  twins('answers what is no address', async (at) => {
    const lookup = answer(at, { address: 'nowhere', family: 4 });
    await closes(at.watch(at.side.createConnection({ port: 1, host: 'name.test', lookup, family: 4 })));
  });

  twins('answers at once', async (at) => {
    const port = await greeter(at);
    const lookup = ((_host, { all }, found) =>
      all ? found(null, [{ address: HOST, family: 4 }]) : found(null, HOST, 4)) as LookupFunction;
    await used(at, at.side.createConnection({ port, host: 'name.test', lookup }));
    // Node's comes before anybody can listen.
    at.journal.forget('lookup');
  });

  twins('answers after the socket was destroyed', async (at) => {
    const held: (() => void)[] = [];
    const lookup = ((_host, { all }, found) =>
      held.push(() =>
        all ? found(null, [{ address: HOST, family: 4 }]) : found(null, HOST, 4),
      )) as LookupFunction;
    const socket = at.watch(at.side.createConnection({ port: 1, host: 'name.test', lookup }));
    socket.destroy();
    await closes(socket);
    for (const answer of held) answer();
    await turns(3);
    at.note(held.length);
  });

  twins('the second address is taken if the first refuses', async (at) => {
    const port = await greeter(at);
    const lookup = answer(at, { address: '127.0.0.2', family: 4 }, { address: HOST, family: 4 });
    const socket = at.side.createConnection({ port, host: 'name.test', lookup });
    socket.on('connect', () => at.note('remote', socket.remoteAddress));
    await used(at, socket);
  });
});

describe('a signal', () => {
  twins('that was aborted before', async (at) => {
    const signal = AbortSignal.abort();
    const socket = at.keep(at.side.createConnection({ port: 1, host: HOST, signal }));
    socket.on('error', (error) => at.note('error', error)).on('close', () => at.note('close'));
    await closes(socket);
  });

  twins('that is aborted while connecting', async (at) => {
    const listener = await at.listen();
    const stop = new AbortController();
    const { signal } = stop;
    const socket = at.watch(at.side.createConnection({ port: listener.port, host: HOST, signal }));
    stop.abort();
    await closes(socket);
  });

  twins('that is aborted later, with a reason', async (at) => {
    const listener = await at.listen();
    const stop = new AbortController();
    const socket = at.watch(new at.side.Socket({ signal: stop.signal }));
    socket.connect(listener.port, HOST);
    socket.on('error', (error: Error) => at.note(error.name, String(error.cause)));
    await Promise.all([listener.accepted(), happens(socket, 'ready')]);
    stop.abort('enough');
    await closes(socket);
  });
});
