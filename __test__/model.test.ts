/** That `npm run test:model` tells a failure from a success. */
import { expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';

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
