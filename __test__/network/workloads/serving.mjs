/** What both ends of a workload do with bytes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chunks, Received } from '../content.mjs';

/** All that comes to the peer, and how it ended: `end`, or a code. @param {import('node:net').Socket} socket */
export function received(socket) {
  const all = new Received();
  return new Promise((resolve) => {
    const settle = (ended) => resolve({ sum: all.sum(), bytes: all.bytes, ended });
    socket.on('data', (chunk) => all.add(chunk));
    socket.once('end', () => settle('end'));
    socket.once('error', (error) => settle(error.code ?? error.message));
    socket.once('close', () => settle('closed'));
  });
}

/** The peer says what it is told. @param {import('node:net').Socket} socket */
export function echo(socket) {
  socket.pipe(socket);
  return received(socket);
}

/** Sends so much, as fast as it is taken. @param {import('node:net').Socket} socket @param {number} total */
export async function send(socket, total) {
  for (const chunk of chunks(total)) {
    if (socket.destroyed) return;
    if (!socket.write(chunk))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
  }
}

/** Sends so much over a wire. @param {import('../wires.mjs').Wire} wire @param {number} total */
export async function sendAll(wire, total) {
  for (const chunk of chunks(total)) await wire.write(chunk);
}

/** Reads to the end, or until so much has come. @param {import('../wires.mjs').Wire} wire @param {number} [until] @param {Received} [all] What came before. */
export async function readOn(wire, until = Number.POSITIVE_INFINITY, all = new Received()) {
  while (all.bytes < until) {
    const chunk = await wire.read();
    if (chunk === undefined) break;
    all.add(chunk);
  }
  return all;
}

/** The same, in a word. @param {import('../wires.mjs').Wire} wire @param {number} [until] */
export const readAll = async (wire, until) => (await readOn(wire, until)).sum();

/** What it rejects with: one of these codes. @param {Promise<unknown>} promise @param {string[]} codes */
export async function fails(promise, ...codes) {
  const error = await promise.then(
    () => assert.fail(`it succeeded, and ${codes.join(' or ')} was expected`),
    (reason) => reason,
  );
  if (!codes.includes(error?.code)) throw error;
  return error;
}

/** That it ended with nothing wrong. @param {import('../wires.mjs').Wire} wire */
export async function endsWell(wire) {
  const error = await wire.ended;
  if (error !== undefined) throw error;
}

/** That it ended with this code. @param {import('../wires.mjs').Wire} wire @param {string} code */
export const endsWith = (wire, code) =>
  fails(
    wire.ended.then((error) => Promise.reject(error)),
    code,
  );
