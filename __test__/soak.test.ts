/** The quick form of the soak: that nothing is left, and that nothing fails which should not. Memory takes longer to judge. */
import { expect, test, vi } from 'vitest';
import { slowness } from './fixtures/environment.mjs';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 180_000 * slowness });

const io = process.env['WINTERSOCK_IO'] || 'direct';

async function soak(...args: string[]) {
  const { code, stdout, stderr } = await runNode(['scripts/soak.mjs', '--quick', '--io', io, ...args], {
    deadline: 170_000 * slowness,
  });
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(stdout) ?? [];
  return {
    code,
    stderr,
    passed: Number(passed),
    failed: Number(failed),
    failures: stdout.match(/^FAILED .*/gm),
  };
}

const clean = { code: 0, stderr: '', failed: 0, failures: null };

test('everything at once, for some seconds', async () => {
  const found = await soak('--minutes', '0.3', '--no-database');
  expect(found).toMatchObject(clean);
  expect(found.passed).toBe(12);
});

test('lives of every kind, one kind at a time', async () => {
  const found = await soak('--leaks', '--count', '48');
  expect(found).toMatchObject(clean);
  expect(found.passed).toBe(62);
});
