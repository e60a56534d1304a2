/** Names whose addresses change in a real name server and a real hosts file, looked up by the system's resolver. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createBinding } from 'wintersock';
import { failureOf } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';

test('localhost has addresses of this machine only, whatever it is called', async () => {
  await using peer = await Peer.open();
  for (const host of ['localhost', 'LocalHost']) {
    const opened = (deny: string[]) => createBinding({ deny }).connect(`${host}:${peer.port}`).opened;
    for (const deny of [['local'], ['private'], ['127.0.0.0/8', '::1'], [host.toLowerCase()]]) {
      const { code } = await failureOf(Promise.resolve().then(() => opened(deny)));
      expect(code).toBe('ERR_ACCESS_DENIED');
    }
    await opened(['::1', 'public', 'network']);
  }
  await vi.waitFor(() => expect(peer.wires.length).toBeGreaterThanOrEqual(2), 10_000);
  expect(peer.wires.length).toBe(2);
});

const directory = mkdtempSync(join(tmpdir(), 'wintersock-resolver-'));
afterAll(() => rmSync(directory, { recursive: true }));
const files = {
  'resolv.conf': 'nameserver 127.0.0.1\noptions timeout:5 attempts:2\n',
  hosts: '',
  'nsswitch.conf': 'hosts: files dns\n',
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);

/** What the name server is asked about and the answers lead to is in a network of its own; the files are bound over the system's. */
const setup = [
  'ip link set lo up',
  'ip addr add 93.184.216.34/32 dev lo',
  'ip addr add 10.0.0.1/32 dev lo',
  ...Object.keys(files).map((name) => `mount --bind "$1/${name}" /etc/${name}`),
].join(' && ');
const own = (command: string) => ['-rmn', 'sh', '-c', `${setup} && ${command}`, process.execPath, directory];
const isPossible = spawnSync('unshare', own('true')).status === 0;

const PUBLIC = '93.184.216.34';
const denied = (address: string) => `ERR_ACCESS_DENIED ${address}`;

/** The same with each policy: what is public is connected to, of what is not is nothing left. */
const expected = {
  'then-private.example': [PUBLIC, denied('10.0.0.1')],
  'then-local.example': [PUBLIC, denied('127.0.0.1')],
  'then-public.example': [denied('10.0.0.1'), PUBLIC],
  'flips.example': [PUBLIC, denied('127.0.0.1'), PUBLIC, denied('10.0.0.1'), PUBLIC],
  'mixed.example': [PUBLIC, PUBLIC],
  'two-families.example': [PUBLIC, denied('[::1]'), PUBLIC],
  'mapped.example': [denied('[::ffff:127.0.0.1]'), denied('[::ffff:10.0.0.1]'), PUBLIC],
  'translated.example': [
    denied('[64:ff9b::7f00:1]'),
    denied('[2002:7f00:1::]'),
    denied('[2001:0:7f00:1::1]'),
  ],
  'unspecified.example': [denied('0.0.0.0'), denied('[::]'), PUBLIC],
  'alias.example': [PUBLIC, denied('10.0.0.1')],
  'inside.example': [denied('10.0.0.1')],
  'hosts.example': [PUBLIC, denied('10.0.0.1'), PUBLIC],
};

describe.runIf(isPossible)('a network with a name server that says something else each time', () => {
  let report: Record<string, object>;
  beforeAll(async () => {
    const args = own('exec "$0" __test__/fixtures/rebinding.mjs "$1/hosts"');
    const { stdout, stderr } = await runNode(args, { node: 'unshare' });
    expect(stderr).toBe('');
    report = JSON.parse(stdout);
  }, 70_000);

  test.each(['allow public', 'deny private', 'allow the names'])('%s', (policy) => {
    expect(report[policy]).toEqual(expected);
  });

  test('without rules all of that can be reached', () => {
    expect(report['open']).toMatchObject({
      'then-private.example': [PUBLIC, '10.0.0.1'],
      'then-local.example': [PUBLIC, '127.0.0.1'],
      'mapped.example': ['127.0.0.1', '10.0.0.1', expect.anything()],
      'alias.example': [PUBLIC, '10.0.0.1'],
    });
  });
});
