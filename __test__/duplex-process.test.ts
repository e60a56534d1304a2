/** wintersock/node beside node:net: what a socket does to its process. Each program runs in a process of its own. */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { alone, happens } from './duplex/stage.ts';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 90_000 });

const script = fileURLToPath(new URL('fixtures/duplex-process.mjs', import.meta.url));

/** The cases of the fixture, by their names there. */
const cases = [...readFileSync(script, 'utf8').matchAll(/^ {2}'([^']+)': /gm)].map(([, name = '']) => name);

/** What ours does differently: another case of Node's says what it does instead. */
const differences: Record<string, { because: string; as: string }> = {
  'a paused socket': {
    because: 'a pause is not an end: the process lives until the socket has closed',
    as: 'a paused socket that is kept alive by something else',
  },
};

/** Answers lines, does what they say, and keeps them. */
function answer(peer: Socket, heard: string[]): void {
  let text = '';
  peer.setEncoding('utf8').on('error', () => {});
  peer.on('end', () => peer.end());
  peer.on('data', (data: string) => {
    text += data;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      heard.push(line);
      if (line === 'end') peer.end();
      else if (line === 'reset') peer.resetAndDestroy();
      else if (line === 'later') setTimeout(() => peer.end(), 300);
      else peer.write(`${line}\n`);
    }
  });
}

/** How the program ends with one of the two, and what its peer heard. */
async function ending(side: 'node' | 'ours', name: string) {
  const heard: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (peer) => answer(peer, heard));
  server.listen(0, '127.0.0.1');
  await happens(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const io = process.env['WINTERSOCK_IO'];
  const { code, signal, stdout, stderr } = await runNode(['--expose-gc', script, side, name, String(port)], {
    env: io ? { WINTERSOCK_IO: io } : {},
  }).finally(() => {
    server.close();
  });
  // All connections end with the process.
  await happens(server, 'close');
  // The message is for people; what it is about is not.
  const about = /\b(E[A-Z]{4,}|in the listener)\b/.exec(stderr)?.[0] ?? stderr;
  return { code, signal, stdout: stdout.split('\n'), about, heard };
}

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(15);
});

test.each(cases)('%s', async (name) => {
  const like = alone ? name : (differences[name]?.as ?? name);
  const [theirs, own] = await Promise.all([ending('node', like), ending('ours', name)]);
  expect(own).toEqual(theirs);
});
