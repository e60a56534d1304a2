/** What a process runs out of, and whether all that can panic has a point at which `npm run test:inject` lets it. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPeers } from './inject/peers.mjs';
import { passes, pointsOfTheCode, sources } from './inject/points.mjs';
import { Short, shortages } from './inject/shortages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('a point of its own has', () => {
  /** Functions of the native half, from where `begin` finds one to its end, but for those that are there for points. */
  const functions = (begin: RegExp): { name: string; text: string }[] =>
    sources()
      .filter(({ file }) => !/^(?:inject|panics|binding.on_demand)\.rs$/.test(file))
      .flatMap(({ file, code }) =>
        [...code.matchAll(begin)].map(({ index, groups }) => {
          const indent = /\n?( *)[^\n]*$/.exec(code.slice(0, index + 1))?.[1] ?? '';
          const end = code.indexOf(`\n${indent}}\n`, index);
          return { name: `${file}: ${groups?.['name']}`, text: code.slice(index, end) };
        }),
      );
  const without = (begin: RegExp, holds: RegExp): string[] => {
    const all = functions(begin).filter(({ text }) => holds.test(text));
    expect(all.length).toBeGreaterThan(3);
    return all.filter(({ text }) => !passes(text)).map(({ name }) => name);
  };

  test('every function that JavaScript calls', () => {
    const called = /#\[napi(?:\((?:[^()]|\([^)]*\))*\))?\]\s*pub fn (?<name>\w+)/g;
    // It reads a number.
    expect(without(called, /./)).toEqual(['binding/mod.rs: id']);
  });

  test('every callback of Node-API and libuv', () => {
    // What these two call has one: the calls for every chunk, and the end of an environment.
    const others = ['binding/calls.rs: callback', 'binding/host.rs: ended'];
    expect(without(/unsafe extern "C" fn (?<name>\w+)/g, /./).sort()).toEqual(others);
  });

  test('every task, and all work that blocks', () => {
    const any = /(?:pub(?:\(\w+\))? )?(?:async )?fn (?<name>\w+)/g;
    // What to call it is said to these. (The runtime's own is an empty one; at the exit nobody is left who could be told.)
    const said = [
      ...['run', 'spawn', 'carry_on', 'runtime'].map((name) => `runtime.rs: ${name}`),
      'exit.rs: stop',
    ];
    const named = (name: string): boolean => !said.includes(name);
    expect(without(any, /\bspawn(?:_blocking)?\(/).filter(named)).toEqual([]);
  });
});

test('points have names that say where they are', () => {
  const points = pointsOfTheCode();
  expect(points.length).toBeGreaterThan(60);
  expect(points.filter(({ name }) => !/^[a-z_]+(?:\.[a-z_]+)?$/.test(name))).toEqual([]);
});

test('what is published has no point', () => {
  const [addon = ''] = readdirSync(root).filter((name) => /^wintersock\..*\.node$/.test(name));
  const native: object = createRequire(import.meta.url)(join(root, addon));
  // A variant of the checkout may have them, and the names: it is there for that, or not optimised.
  if (/[\\/]\.cache[\\/]variants[\\/]/.test(root)) return;
  expect('inject' in native).toBe(false);
  const binary = readFileSync(join(root, addon));
  expect(binary.includes('injected at')).toBe(false);
  const names = pointsOfTheCode().map(({ name }) => name);
  expect(names.filter((name) => name.includes('.') && binary.includes(name))).toEqual([]);
  expect(readFileSync(join(root, 'binding.d.cts'), 'utf8')).not.toMatch(/\binject\b/);
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(scripts['build:rust']).not.toContain('--features');
  expect(readFileSync(join(root, 'Cargo.toml'), 'utf8')).toMatch(/^default = \["aws-lc-rs"\]$/m);
});

describe('a process that has', () => {
  let peers: Awaited<ReturnType<typeof startPeers>>;
  beforeAll(async () => {
    peers = await startPeers();
  });
  afterAll(() => peers?.stop());

  for (const { name, skip, inside, run } of shortages) {
    const reason = skip ? ` (${skip})` : '';
    test.skipIf(skip)(
      `${name} says so, lives, and connects afterwards${reason}`,
      async () => {
        const short = new Short({ io: process.env['WINTERSOCK_IO'], places: peers.places, inside });
        try {
          expect(await run(short)).toEqual([]);
        } finally {
          await short.end();
        }
      },
      120_000 * Number(process.env['WINTERSOCK_SLOWNESS'] || 1),
    );
  }
});
