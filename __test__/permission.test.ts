/** Node's permission model: without permission for the network nothing is dialled. It knows the network from Node 25 on. */
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeExecutable, nodeMajors } from '../scripts/node-versions.mjs';
import { Peer } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';

const nodes = new Map<number, string>();
beforeAll(async () => {
  for (const major of nodeMajors) nodes.set(major, await nodeExecutable(major));
}, 120_000);

const knowsNetwork = nodeMajors.filter((major) => major >= 25);
const ignoresNetwork = nodeMajors.filter((major) => major < 25);

/** Tries to connect; tells what was thrown at once, and what came of it otherwise. */
const program = `
  import { connect } from 'wintersock';
  const report = (how, value) => console.log(JSON.stringify({ how, ...value }));
  let socket;
  try {
    socket = connect(process.argv[1]);
  } catch ({ code, message, permission, resource, constructor: { name } }) {
    report('thrown', { code, message, permission, resource, name });
  }
  await socket?.opened.then(() => report('opened'), ({ code }) => report('rejected', { code }));
  await socket?.close();
`;

async function connectUnder(major: number, flags: string[]) {
  await using peer = await Peer.open();
  const args = [...flags, '--no-warnings', '--input-type=module', '-e', program, peer.address];
  const { code, signal, stdout, stderr } = await runNode(args, { node: nodes.get(major) as string });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return { ...JSON.parse(stdout), accepted: peer.wires.length, address: peer.address };
}

const permission = (major: number) => [
  major >= 23 ? '--permission' : '--experimental-permission',
  '--allow-fs-read=*',
  '--allow-addons',
];

describe.each(knowsNetwork)('Node %i', (major) => {
  test('without --allow-net connect() throws ERR_ACCESS_DENIED at once', async () => {
    const { address, ...seen } = await connectUnder(major, permission(major));
    expect(seen).toMatchObject({ how: 'thrown', code: 'ERR_ACCESS_DENIED', permission: 'Net', accepted: 0 });
    expect(seen.resource).toBe(address);
    expect(seen.message).toMatch(/^SocketError: .*--allow-net/);
  });

  test('with --allow-net it connects', async () => {
    expect(await connectUnder(major, [...permission(major), '--allow-net'])).toMatchObject({ how: 'opened' });
  });

  test('without the permission model it connects', async () => {
    expect(await connectUnder(major, [])).toMatchObject({ how: 'opened', accepted: 1 });
  });
});

describe.each(ignoresNetwork)('Node %i, whose model does not know the network', (major) => {
  test('connects under the permission model', async () => {
    expect(await connectUnder(major, permission(major))).toMatchObject({ how: 'opened', accepted: 1 });
  });
});
