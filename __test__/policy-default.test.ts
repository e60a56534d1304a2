/** What the host sets as the default holds at every door of the package, in this thread and in those that run the same set-up. */
import { expect, test, vi } from 'vitest';
import { Peer } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 120_000 });

const host = `data:text/javascript,${encodeURIComponent(`
  import { setDefaultBinding } from '${import.meta.resolve('wintersock')}';
  setDefaultBinding({ deny: ['local'] });
`)}`;

const program = `
  import { createRequire } from 'node:module';
  import { isMainThread, Worker } from 'node:worker_threads';
  import { connect, createBinding } from 'wintersock';
  import { connect as alias } from 'cloudflare:sockets';
  import { createConnection, Socket } from 'wintersock/node';
  const [host, port] = [process.argv[1], Number(process.argv[2])];
  const require = createRequire(process.cwd() + '/program.mjs');
  const outcome = async (begin) => {
    try {
      return await begin();
    } catch ({ code }) {
      return code;
    }
  };
  const ended = (socket) => new Promise((resolve) => {
    socket.once('connect', () => resolve('connected')).once('error', ({ code }) => resolve(code));
    socket.once('close', () => resolve('closed'));
  });
  const doors = {
    connect: () => connect({ hostname: host, port }).opened,
    required: () => require('wintersock').connect({ hostname: host, port }).opened,
    alias: () => alias({ hostname: host, port }).opened,
    secure: () => connect({ hostname: host, port }, { secureTransport: 'on' }).opened,
    createConnection: () => ended(createConnection({ host, port })),
    requiredNode: () => ended(require('wintersock/node').createConnection({ host, port })),
    lookup: () => ended(createConnection({ host: 'db.example', port, lookup: (_, { all }, found) => found(null, all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4) })),
    socket: () => ended(new Socket().connect(port, host)),
  };
  const seen = {};
  for (const [name, begin] of Object.entries(doors)) seen[name] = await outcome(begin);
  // One that the application makes itself is of its own making: it is the application that is trusted with the package.
  const own = createBinding().connect({ hostname: host, port });
  seen.own = await outcome(() => own.opened.then(() => 'opened'));
  await own.close().catch(() => {});
  console.log(JSON.stringify(seen));
`;

test('connect(), the alias and wintersock/node are under the rules of the default binding', async () => {
  await using peer = await Peer.open();
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', 'localhost']) {
    const args = [
      '--import',
      'wintersock/register',
      '--import',
      host,
      '--no-warnings',
      '--input-type=module',
      '-e',
      program,
    ];
    const { stdout, stderr } = await runNode([...args, address, String(peer.port)]);
    expect(stderr).toBe('');
    const { own, ...seen } = JSON.parse(stdout);
    expect(new Set(Object.values(seen))).toEqual(new Set(['ERR_ACCESS_DENIED']));
    expect(Object.keys(seen)).toHaveLength(8);
    expect(own).toBe('opened');
  }
  expect(peer.wires.length).toBeLessThanOrEqual(3);
});
