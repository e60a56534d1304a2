/** Deno.connect() and Deno.connectTls(), where deno is on PATH: reads into a buffer, and writes, with promises. */
import { processClock } from '../clock.mjs';
import { programVersion, runner } from '../machine.mjs';
import { performer } from '../workloads.mjs';

const { Deno } = globalThis;
const READ_BYTES = 65_536;

/** @type {import('../workloads.mjs').Idiom} */
const idiom = {
  async open({ host: hostname, tls, ca }, port) {
    if (!tls) return Deno.connect({ hostname, port });
    const connection = await Deno.connectTls({ hostname, port, caCerts: [ca] });
    await connection.handshake();
    return connection;
  },

  async close(connection) {
    await connection.closeWrite();
    const buffer = new Uint8Array(64);
    while ((await connection.read(buffer)) !== null);
    connection.close();
  },

  async rounds(connection, message, again) {
    const buffer = new Uint8Array(message.length);
    do {
      await write(connection, message);
      await read(connection, buffer, message.length);
    } while (again());
  },

  async download(connection, request, bytes) {
    await write(connection, request);
    await read(connection, new Uint8Array(READ_BYTES), bytes);
  },

  async upload(connection, request, chunk, bytes) {
    await write(connection, request);
    for (let missing = bytes; missing > 0; missing -= chunk.length) await write(connection, chunk);
    await read(connection, new Uint8Array(1), 1);
  },
};

/** It may take less than all. */
async function write(connection, bytes) {
  let written = await connection.write(bytes);
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}

async function read(connection, buffer, bytes) {
  for (let missing = bytes; missing > 0; ) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error('the peer ended the connection');
    missing -= count;
  }
}

export const subjects = [
  {
    name: 'deno',
    says: 'Deno.connect()',
    rank: 100,
    required: false,
    detail: true,
    runs: ({ workload, resumed }) => workload !== 'pg' && !resumed,
    launch: () => ({
      command: 'deno',
      args: ['run', '--allow-all', '--no-lock', '--v8-flags=--expose-gc', runner, 'deno'],
    }),
    version: () => programVersion('deno'),
    load: async () => performer(idiom, processClock),
  },
];
