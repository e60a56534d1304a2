/** What is said over a connection, whatever its shape. */
import { once } from 'node:events';
import { PatternCheck, patternAt } from './pattern.mjs';

const MESSAGE = Buffer.from('a round trip, and no more than that');

/** Sends a message to an echo and waits until it has come back whole, over web streams. */
export async function trip({ readable, writable }, message = MESSAGE) {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const wrote = writer.write(message);
  wrote.catch(() => {});
  for (let read = 0; read < message.length; ) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the echo ended early');
    read = checked(message, read, value);
  }
  await wrote;
  reader.releaseLock();
  writer.releaseLock();
}

/** The same over a duplex, which ends then. Resolves when it has closed. */
export function exchange(duplex, message = MESSAGE, end = true) {
  return new Promise((resolve, reject) => {
    let read = 0;
    const settle = () => (read === message.length ? resolve() : reject(new Error('the echo ended early')));
    duplex.on('error', reject).on('close', settle);
    duplex.on('data', (data) => {
      try {
        read = checked(message, read, data);
      } catch (error) {
        duplex.destroy(error);
      }
      if (read < message.length) return;
      if (end) duplex.end();
      else resolve();
    });
    duplex.write(message);
  });
}

function checked(message, from, bytes) {
  const expected = message.subarray(from, from + bytes.length);
  if (expected.compare(bytes) !== 0) throw new Error(`the echo changed bytes from ${from} on`);
  return from + bytes.length;
}

/** How a duplex ends: with its error, if there was one. */
export async function ended(duplex) {
  let wrong;
  duplex.on('error', (error) => {
    wrong = error;
  });
  if (!duplex.closed) await new Promise((resolve) => duplex.once('close', resolve));
  if (wrong) throw wrong;
}

/** Reads so much of the pattern, and checks it. */
export async function readPattern(readable, length, mode) {
  const reader = mode ? readable.getReader({ mode }) : readable.getReader();
  const check = new PatternCheck();
  for (let buffer = new ArrayBuffer(mode ? 20_000 : 0); check.length < length; ) {
    const { value, done } = await (mode ? reader.read(new Uint8Array(buffer)) : reader.read());
    if (done) throw new Error('the source ended');
    check.add(value);
    buffer = value.buffer;
  }
  return reader;
}

/** Sends the pattern to an echo in chunks of these sizes, and checks what comes back, at the same time. */
export async function stream({ readable, writable }, sizes) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const writer = writable.getWriter();
  const write = async () => {
    let at = 0;
    for (const size of sizes) {
      await writer.ready;
      writer.write(patternAt(at, size)).catch(() => {});
      at += size;
    }
    writer.releaseLock();
  };
  const reading = readPattern(readable, total);
  await Promise.all([write(), reading]);
  (await reading).releaseLock();
}

/** The same over a duplex, which stays open. */
export async function flow(duplex, sizes) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const check = new PatternCheck();
  const read = new Promise((resolve, reject) => {
    const take = (data) => {
      try {
        check.add(data);
      } catch (error) {
        reject(error);
      }
      if (check.length >= total) resolve();
    };
    duplex.on('data', take).once('error', reject);
  });
  let at = 0;
  for (const size of sizes) {
    if (!duplex.write(patternAt(at, size))) await Promise.race([once(duplex, 'drain'), read]);
    at += size;
  }
  await read;
  duplex.removeAllListeners('data').removeAllListeners('error');
}
