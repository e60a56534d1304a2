/** The quick form of `npm run test:model`, and that it tells a failure from a success. */
import { expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';

const QUICK_MS = 240_000;

test(
  'random sequences leave real sockets where the model says',
  async () => {
    const way = process.env['WINTERSOCK_IO'] ?? 'direct';
    const args = ['scripts/model.mjs', '--quick', '--io', way];
    const { code, stdout, stderr } = await runNode(args, { deadline: QUICK_MS });
    expect({ code, failures: stdout.slice(stdout.search(/^FAILED/m)), stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^\d{4,} passed, 0 failed$/m);
  },
  QUICK_MS,
);

test('a sequence that cannot be performed has failed', async () => {
  const sequence = JSON.stringify({
    way: 'off',
    tls: 'TLSv1.3',
    handshake: 'completes',
    steps: [{ do: 'fly' }],
  });
  const args = ['scripts/model.mjs', '--quick', '--what', 'machine', '--sequence', sequence];
  const { code, stdout } = await runNode(args);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^0 passed, 1 failed$/m);
}, 60_000);
