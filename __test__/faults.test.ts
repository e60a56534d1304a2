/** What goes wrong on the way, in every phase of a connection: it settles, with a code, once, and leaves nothing behind. */
import { beforeAll, describe, expect, test } from 'vitest';
import { phases } from './faults/phases.mjs';
import { type Api, type MatrixRun, runMatrix } from './faults/session.mjs';

const DEADLINE_MS = 300_000;
const apis: readonly Api[] = ['web', 'duplex'];
let run: MatrixRun;

beforeAll(async () => {
  run = await runMatrix({ io: process.env['WINTERSOCK_IO'], apis, deadline: DEADLINE_MS });
}, DEADLINE_MS + 10_000);

describe.each(Object.keys(phases))('%s', (phase) => {
  test.each(apis)('%s: every fault comes to its end', (api) => {
    const cells = run.cells.filter((cell) => cell.phase === phase && cell.api === api);
    expect(cells.length).toBeGreaterThan(0);
    expect(wrongOf(cells)).toEqual([]);
  });
});

test('nothing is left: no descriptor, no thread, no unhandled rejection; later connections work, and the process ends', () => {
  // Also what belongs to no phase.
  expect(wrongOf(run.failures)).toEqual([]);
});

const wrongOf = (cells: MatrixRun['failures']) =>
  cells.flatMap(({ title, wrong }) => wrong.map((one) => `${title}: ${one}`));
