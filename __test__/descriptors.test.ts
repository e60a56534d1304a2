/** A process that has no descriptors left, and then has some again. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Peer } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';

let peer: Peer;
beforeAll(async () => {
  peer = await Peer.open();
});
afterAll(() => peer?.close());

// ThreadSanitizer knows what is no race by names of functions, which it can read from no file then.
const isPossible = process.platform !== 'win32' && process.env['TSAN_OPTIONS'] === undefined;

// The first connection of a process brings the I/O thread, which needs descriptors of its own.
test.runIf(isPossible).each([0, 1])(
  'after %i connections: connecting fails while there are none, and works afterwards',
  async (earlier) => {
    const source = `
      import { closeSync, openSync } from 'node:fs';
      import { connect } from 'wintersock';
      const address = '${peer.address}';
      const outcome = () => connect(address).opened.then(() => 'opened', ({ code }) => code);
      for (let count = 0; count < ${earlier}; count += 1) await outcome();
      const held = [];
      try { for (;;) held.push(openSync('/dev/null')); } catch {}
      const without = [await outcome(), await outcome()];
      held.forEach((fd) => closeSync(fd));
      console.log(JSON.stringify({ without, again: await outcome() }));
      process.exit();`;
    const shell = 'ulimit -n 100; exec "$0" --input-type=module -e "$1"';
    const { stdout, stderr } = await runNode(['-c', shell, process.execPath, source], {
      node: 'sh',
      deadline: 10_000,
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ without: ['EMFILE', 'EMFILE'], again: 'opened' });
  },
  15_000,
);

// A resolver that cannot open its files says that the name is not known. When it says so, the descriptors may be there again.
test.runIf(isPossible && process.platform === 'linux')(
  'a name that is known is never said to be unknown while descriptors come and go',
  async () => {
    const program = fileURLToPath(new URL('fixtures/few-descriptors.mjs', import.meta.url));
    const address = peer.address.replace('127.0.0.1', 'localhost');
    const shell = 'ulimit -n 100; exec "$0" "$@"';
    const { stdout, stderr } = await runNode(['-c', shell, process.execPath, program, address], {
      node: 'sh',
      deadline: 20_000,
    });
    expect(stderr).toBe('');
    expect(stdout).toBe('EMFILE,opened\n');
  },
  25_000,
);
