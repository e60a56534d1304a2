/** microsocks: SOCKS5, with a password if need be. Types: microsocks.d.mts. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { find, startDaemon } from './daemon.mjs';

export const available = find('microsocks', 'microsocks');

export async function startMicrosocks({ account } = {}) {
  const daemon = await startDaemon({
    path: '/bin/sh',
    ports: 1,
    // It says nothing by itself, not even when it listens.
    args: ({ ports: [port] }) => [
      '-c',
      'echo started; exec "$0" "$@"',
      available.path,
      '-i',
      '127.0.0.1',
      '-p',
      String(port),
      ...(account ? ['-u', account.user, '-P', account.password] : []),
    ],
    ready: /started/,
  });
  const [port] = daemon.ports;
  const { log, stop } = daemon;
  try {
    await listening(port);
  } catch (error) {
    await stop();
    throw new Error(`microsocks does not listen\n${log()}`, { cause: error });
  }
  return { port, log, stop, [Symbol.asyncDispose]: stop };
}

async function listening(port) {
  for (const deadline = performance.now() + 10_000; ; ) {
    const socket = connect(port, '127.0.0.1');
    try {
      return await once(socket, 'connect');
    } catch (error) {
      if (performance.now() > deadline) throw error;
    } finally {
      socket.destroy();
    }
    await sleep(10);
  }
}
