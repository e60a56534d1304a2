/** The benchmark: how it counts, compares, and shows what it found. What it measures is not tested here. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const directory = new URL('../bench/', import.meta.url);
// By address, because the benchmark is JavaScript without declarations.
const load = (file: string) => import(new URL(file, directory).href);

const { median, ratios, rotated, summary } = await load('statistics.mjs');
const { evaluate, goals } = await load('goals.mjs');
const { figures, jobOf, rowsOf } = await load('rows.mjs');
const { findSubjects } = await load('subjects.mjs');
const { headlines } = await load('report.mjs');
const { goalTable, markdown, plain, rowTable, spread } = await load('table.mjs');
const { chart } = await load('chart.mjs');
const { digest, replaced, report } = await load('document.mjs');
const { Child } = await load('child.mjs');

const node = '24.0.0';

/** A run of two subjects and two rows; `ours` are wintersock's medians in each of three repetitions. */
function exampleRun({ ours = [9, 20, 12], load: busy = 0.5, error = undefined as string | undefined } = {}) {
  const repetitions = (values: number[]) => values.map((value) => ({ p50_us: value, kib_per_socket: value }));
  const rows = ['roundtrip-tls-one', 'idle-tcp'];
  const known = rowsOf(false).filter(({ id }: { id: string }) => rows.includes(id));
  return {
    date: '2026-11-21T12:00:00.000Z',
    command: 'npm run bench',
    quick: false,
    repetitions: 3,
    machine: 'A <machine> & more',
    pinning: 'pinned',
    nodes: [node],
    rows: known,
    subjects: [
      { name: 'wintersock', says: 'wintersock', required: true, version: '1.2.3' },
      { name: 'node', says: 'node:net, node:tls', required: true, version: '' },
      { name: 'deno', says: 'Deno', required: false, version: '2.0' },
    ],
    absent: ['Bun'],
    measurements: rows.flatMap((row) => [
      { row, subject: 'wintersock', node, repetitions: repetitions(ours), load: [0.1, busy] },
      { row, subject: 'node', node, repetitions: repetitions([10, 40, 12]), load: [0.1, 0.2] },
      ...(error ? [{ row, subject: error, node, repetitions: [undefined], load: [], error: 'broke' }] : []),
    ]),
  };
}

describe('statistics', () => {
  test('the median of an odd and of an even number of values, in any order', () => {
    expect(median([30, 1, 2])).toBe(2);
    expect(median([4, 1, 100, 2])).toBe(3);
  });

  test('a summary leaves out what is missing', () => {
    expect(summary([3, undefined, 1, Number.NaN, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(summary([undefined])).toBeUndefined();
  });

  test('ratios are taken pair by pair', () => {
    // The machine was slow in the second repetition. Of the medians, 12 and 12, the ratio would be 1.
    expect(ratios([9, 20, 12], [10, 40, 12])).toEqual({ median: 0.9, min: 0.5, max: 1 });
    expect(ratios([9, undefined], [10, 10])).toEqual({ median: 0.9, min: 0.9, max: 0.9 });
  });

  test('everybody has the first turn once', () => {
    const subjects = ['a', 'b', 'c'];
    const orders = subjects.map((_, repetition) => rotated(subjects, repetition));
    expect(orders).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c', 'a'],
      ['c', 'a', 'b'],
    ]);
  });
});

describe('goals', () => {
  const goal = { row: 'r', figure: 'f', subject: 'us', over: 'them' };
  const measured = (values: Record<string, number[]>) => (_: string, subject: string) =>
    values[subject] ?? [];

  test.each([
    [{ ...goal, most: 0.9 }, { us: [9], them: [10] }, true],
    [{ ...goal, most: 0.9 }, { us: [9.2], them: [10] }, false],
    [{ ...goal, least: 2 }, { us: [20], them: [10] }, true],
    [{ ...goal, least: 2 }, { us: [19], them: [10] }, false],
    // Of what is shown as the limit nobody understands that it is missed.
    [{ ...goal, most: 0.9 }, { us: [9.04], them: [10] }, true],
    [{ ...goal, over: undefined, most: 20 }, { us: [19], them: [1] }, true],
    [{ ...goal, over: undefined, most: 20 }, { us: [21], them: [100] }, false],
  ])('%j with %j: met is %j', (limits, values, met) => {
    expect(evaluate(limits, measured(values)).met).toBe(met);
  });

  test('what was not measured is neither met nor missed', () => {
    expect(evaluate({ ...goal, most: 1 }, measured({ us: [9] }))).toBeUndefined();
  });

  test('are about rows, figures and subjects that there are, also in a quick run', async () => {
    const subjects = await findSubjects();
    for (const { row, figure, subject, over = 'node' } of goals) {
      const found = rowsOf(true).find(({ id }: { id: string }) => id === row);
      expect(found?.figures).toContain(figure);
      for (const name of [subject, over]) {
        const one = subjects.find((candidate: { name: string }) => candidate.name === name);
        expect(one?.runs(found), `${name} in ${row}`).toBe(true);
      }
    }
    expect(goals.length).toBeGreaterThan(20);
  });
});

describe('rows', () => {
  const all = rowsOf(false);
  const quick = rowsOf(true);
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);

  test('have names of their own and figures that are known', () => {
    expect(new Set(ids(all)).size).toBe(all.length);
    for (const row of all) for (const figure of row.figures) expect(figures).toHaveProperty(figure);
    expect(ids(all)).toEqual(expect.arrayContaining(headlines));
  });

  test('of a quick run are some of them, and shorter', () => {
    expect(ids(all)).toEqual(expect.arrayContaining(ids(quick)));
    expect(quick.length).toBeLessThan(all.length);
    for (const row of quick) expect(jobOf(row, true).seconds).toBeLessThan(jobOf(row, false).seconds);
  });
});

describe('tables', () => {
  const row = rowsOf(false).find(({ id }: { id: string }) => id === 'roundtrip-tls-one');
  const table = (run: object): string[][] => rowTable(run, node, row);

  test('show the median, the spread and the ratio', () => {
    const [head, ours, theirs] = table(exampleRun());
    expect(head).toEqual([row.title, 'median, µs', 'to node:net, node:tls', 'server']);
    expect(ours).toEqual(['wintersock', '12.0 (9.0 to 20.0)', '0.90 (0.50 to 1.00)', '50 %']);
    expect(theirs).toEqual(['node:net, node:tls', '12.0 (10.0 to 40.0)', '', '20 %']);
  });

  test('mark a server that was busy, if it had a processor of its own', () => {
    const busy = exampleRun({ load: 0.9 });
    expect(table(busy)[1]?.at(-1)).toBe('90 %');
    expect(rowTable(busy, node, { ...row, cores: 'two cores' })[1].at(-1)).toBe('90 % !');
  });

  test('name what failed', () => {
    expect(table(exampleRun({ error: 'deno' })).map(([name]) => name)).toContain('Deno: FAILED');
  });

  test('of goals say which are met, and leave out what was not measured', () => {
    expect(goalTable(exampleRun()).map((line: string[]) => line.slice(1))).toEqual([
      ['goal', `Node ${node}`],
      ['at most 0.9', 'yes, 0.90 (0.50 to 1.00)'],
      ['at most 20', 'yes, 12.00 (9.00 to 20.00)'],
    ]);
    const missed = goalTable(exampleRun({ ours: [30, 30, 30] }));
    expect(missed.slice(1).map((line: string[]) => line[2]?.slice(0, 2))).toEqual(['NO', 'NO']);
  });

  test('are aligned for a terminal and escaped for a document', () => {
    const cells = [
      ['', 'n'],
      ['a|b', '10'],
    ];
    expect(plain(cells)).toBe('      n\na|b  10');
    expect(markdown(cells)).toBe('|  | n |\n| --- | ---: |\n| a\\|b | 10 |');
    expect(spread({ median: 1234.5, min: 1, max: 2000 }, 1)).toBe('1,234.5 (1.0 to 2,000.0)');
  });
});

describe('the picture', () => {
  const svg: string = chart(exampleRun(), node);

  test('is well-formed', () => {
    const open: string[] = [];
    const markup = /<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<>&]*")*)\s*(\/?)>/g;
    for (const [, closing, name = '', , empty] of svg.matchAll(markup)) {
      if (closing) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name);
    }
    expect(open).toEqual([]);
    // Nothing is left that would be markup or a reference.
    expect(svg.replaceAll(markup, '').replaceAll(/&(?:amp|lt|gt);/g, '')).not.toMatch(/[<&]/);
    expect(svg).toContain('A &lt;machine&gt; &amp; more');
  });

  test('has colours for light and for dark, and needs nothing from elsewhere', () => {
    expect(svg).toMatch(/@media \(prefers-color-scheme: dark\) \{/);
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|url\(|@import|href/);
  });

  test('has a bar for each subject, the longest for the largest figure', () => {
    const widths = [...svg.matchAll(/<rect class="(\w+)" .*?width="([\d.]+)"/g)].map(([, kind, width]) => [
      kind,
      Number(width),
    ]);
    expect(widths).toEqual([
      ['ours', 170],
      ['node', 170],
      ['ours', 170],
      ['node', 170],
    ]);
    expect(chart(exampleRun({ ours: [6, 6, 6] }), node)).toMatch(/class="ours" .*?width="85.0"/);
  });
});

describe('documents', () => {
  test('get what is between their markers', () => {
    const text = 'before\n<!-- performance:start -->\nold\n<!-- performance:end -->\nafter\n';
    const once = replaced(text, 'new');
    expect(once).toBe('before\n<!-- performance:start -->\nnew\n<!-- performance:end -->\nafter\n');
    expect(replaced(once, 'new')).toBe(once);
    expect(replaced('no markers', 'new')).toBeUndefined();
  });

  test('name machine, versions, date and command, and what was not there', () => {
    const text = report(exampleRun());
    for (const part of [
      'A <machine> & more',
      node,
      'wintersock 1.2.3',
      '2026-11-21',
      '`npm run bench`',
      'Bun',
    ]) {
      expect(text).toContain(part);
    }
    expect(digest(exampleRun())).toMatch(/Node 24\.0\.0, .*A <machine>.*2026-11-21/);
  });

  test('have each figure with its ratio', () => {
    expect(report(exampleRun())).toContain('| wintersock | 12.0 (9.0 to 20.0), 0.90x |');
  });
});

describe('the command', () => {
  const ending = (run: object) => {
    const scratch = mkdtempSync(join(tmpdir(), 'wintersock-bench-test-'));
    try {
      writeFileSync(join(scratch, 'run.json'), JSON.stringify(run));
      const main = fileURLToPath(new URL('main.mjs', directory));
      return spawnSync(process.execPath, [main, '--from', join(scratch, 'run.json')], { encoding: 'utf8' });
    } finally {
      rmSync(scratch, { recursive: true });
    }
  };

  test('fails if something failed that has to work', () => {
    const { status, stdout } = ending(exampleRun({ error: 'node' }));
    expect(stdout).toContain('roundtrip-tls-one, node, Node 24.0.0: broke');
    expect(status).toBe(1);
  });

  test('only tells if something else failed, or a goal is missed', () => {
    const { status, stdout } = ending(exampleRun({ ours: [99, 99, 99], error: 'deno' }));
    expect(stdout).toMatch(/NO, .*idle-tcp, deno, Node 24\.0\.0: broke/s);
    expect(status).toBe(0);
  });
});

describe('a process that is asked', () => {
  const start = (script: string) => new Child([process.execPath, ['--eval', script]]);

  test('answers line by line', async () => {
    const child = start(
      `process.stdin.on('data', (line) => console.log(JSON.stringify({ heard: String(line) })))`,
    );
    expect(await child.ask('a', 20)).toEqual({ heard: 'a\n' });
    expect(await child.ask('b', 20)).toEqual({ heard: 'b\n' });
    await child.end();
  });

  test('that dies says why', async () => {
    const child = start(`console.error('no such thing'); process.exit(3)`);
    await expect(child.next(20)).rejects.toThrow(/exit code 3.*no such thing/s);
    await expect(child.next(20)).rejects.toThrow(/exit code 3/);
    await child.end();
  });

  test('that says nothing is given up', async () => {
    const child = start('setTimeout(() => {}, 60_000)');
    await expect(child.next(0.1)).rejects.toThrow('no answer within 0.1 s');
    await child.end();
  });
});
