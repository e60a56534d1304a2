/**
 * What the jobs of the SQL clients have in common. A process runs all jobs of a client, one after the other, over sockets made one way:
 * `node <client>-jobs.mjs <way>`. It prints a line of JSON for each and ends by itself.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import tls from 'node:tls';

/** How sockets are made: with `net...` the client is as it is, the others are over wintersock, and with `rust...` TLS is ours too. */
export const way = process.argv[2] ?? 'net';

export const env = process.env;

/** How a query ends with its connection. Where another thread watches the socket, the server's reset may overtake its end: see sql-ways.ts. */
const overtaken = env.WINTERSOCK_IO === 'thread' && way === 'duplex';
export const lost = ['57P01', 'CONNECTION_CLOSED', ...(overtaken ? ['ECONNRESET'] : [])];

// The proof that nothing goes past wintersock.
if (!way.startsWith('net')) {
  Socket.prototype.connect = () => {
    throw new Error('node:net was used');
  };
}
if (way.startsWith('rust')) {
  tls.connect = () => {
    throw new Error('node:tls was used');
  };
}

/** Imports a client. With the way `rust, replaced...` its node:net and node:tls are ours. */
export async function importClient(name, specifier = name) {
  if (way.includes('replaced')) {
    const { register } = await import('wintersock/register');
    register({ replace: [name] });
  }
  return import(specifier);
}

/**
 * @param {Record<string, () => Promise<unknown>>} jobs Their results have to be the same whatever the way.
 * @param {Record<string, readonly string[]>} [omitted] By way: jobs that cannot be done so.
 */
export async function runJobs(jobs, omitted = {}) {
  const only = process.argv[3];
  for (const [job, run] of Object.entries(jobs)) {
    if ((only && only !== job) || omitted[way]?.includes(job)) continue;
    const outcome = await run().then(
      (value) => ({ value }),
      (error) => ({ error: described(error) }),
    );
    console.log(JSON.stringify({ job, ...outcome }));
  }
}

/** An error as the client's user sees it. Messages are left out where there is a code: those of sockets differ. */
export function described({ code, syscall, address, message }) {
  return code === undefined ? { message } : { code, syscall, address };
}

/** Resolves with what `work` throws. */
export async function failure(work) {
  try {
    await work();
  } catch (error) {
    return described(error);
  }
  throw new Error('did not fail');
}

export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Bytes in which no part is like another: the same for the same length. */
export function patternedBytes(length) {
  const bytes = Buffer.allocUnsafe(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** Runs `work(port)` with a server that accepts and says nothing. */
export async function withSilence(work) {
  const sockets = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => {}).resume()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(server.address().port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}
