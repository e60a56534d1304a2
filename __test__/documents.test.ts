/** The documents: what they link to, quote and name is there, and what is there is documented. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The files at and below a directory, with forward slashes. */
function filesIn(directory: string, ending: string): string[] {
  const names = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(ending))
    .map((name) => `${directory}/${name.split(sep).join('/')}`);
}

const documents = [...readdirSync(root).filter((name) => name.endsWith('.md')), ...filesIn('docs', '.md')];
const prose = (path: string): string => read(path).replaceAll(/^```[\s\S]*?^```$/gm, '');
const spans = (path: string): string[] =>
  [...prose(path).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found);

test('every relative link leads somewhere', () => {
  /** As GitHub makes them. */
  const anchorsOf = (path: string): string[] =>
    all(prose(path), /^#+ (.+)$/gm).map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
  const broken = documents.flatMap((document) =>
    all(prose(document), /\]\((?!\w+:)([^)\s]+)\)/g)
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? document : join(dirname(document), path);
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(target).includes(anchor);
      })
      .map((link) => `${document}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('the code in the README is that of the examples', () => {
  const quoted = all(read('README.md'), /^```js\n([\s\S]*?)^```$/gm);
  // Those of clients are in docs/drivers.md, those for hosts in docs/hosting.md, and that of docs/maintainers.md is there.
  const elsewhere = /^examples\/(?:drivers\/|hosting\/|redis-client)/;
  const examples = filesIn('examples', '.mjs')
    .filter((file) => !elsewhere.test(file))
    .map(read);
  expect(examples.length).toBeGreaterThanOrEqual(5);
  expect(quoted.sort()).toEqual(examples.sort());
});

describe('codes', () => {
  /** What looks like a code: environment variables, a socket option, and what Node says of a missing module. */
  const others =
    /^(?:NODE_\w+|SSL_\w+|SSLKEYLOGFILE|(?:ALL|HTTPS?|NO)_PROXY|WINTERSOCK_\w+|RUST_BACKTRACE|TCP_NODELAY|MODULE_NOT_FOUND|ERR_DLOPEN_DISABLED)$/;
  const code = /^(?:E[A-Z]{3,}|[A-Z]{3,}(?:_[A-Z0-9]+)+)$/;
  const isCode = (text: string): boolean => code.test(text) && !others.test(text);

  const sources = [...filesIn('src', '.rs'), ...filesIn('lib', '.ts')].map(
    (file) => read(file).split('\n#[cfg(test)]\n')[0] ?? '',
  );
  const given = new Set(sources.flatMap((source) => all(source, /['"]([A-Z_0-9]+)['"]/g)).filter(isCode));
  const rows = all(read('docs/errors.md'), /^\| `([A-Z_0-9]+)` \|/gm);

  test('that are given are documented, and the other way round', () => {
    expect(rows.toSorted()).toEqual([...given].toSorted());
  });

  test('have a cause and a remedy', () => {
    const cells = /^\| `[A-Z_0-9]+` \| .{10,} \| .{5,} \|$/gm;
    expect(read('docs/errors.md').match(cells)).toHaveLength(rows.length);
  });

  test('that are mentioned elsewhere are among them', () => {
    // What suites have written holds codes of Node's own sockets as well, beside ours.
    const written = /<!-- (\w+) -->.*?<!-- \/\1 -->/gs;
    const texts = documents.map((path) => read(path).replaceAll(written, ''));
    const mentioned = texts.flatMap((text) => all(text, /`([^`\n]+)`/g)).filter(isCode);
    expect(mentioned.length).toBeGreaterThan(100);
    expect(mentioned.filter((name) => !rows.includes(name))).toEqual([]);
  });
});

describe('what is named', () => {
  test('as a file is there', () => {
    const file =
      /^(?:(?:src|lib|docs|scripts|examples|npm|__test__|\.ci|\.github)\/[\w./-]*|[\w-]+(?:\.d)?\.(?:toml|json|d\.c?ts))$/;
    const named = documents.flatMap(spans).filter((span) => file.test(span));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('as a command of npm is there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = documents.flatMap((document) => all(read(document), /npm run ([\w:]+)/g));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test('as a version is the present one', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(all(read('CHANGELOG.md'), /^## (\d\S+)/gm)[0]).toBe(version);
    expect(all(read('Cargo.toml'), /^version = "(.+)"$/gm)[0]).toBe(version);
  });
});

test('the tree in ARCHITECTURE.md has every source file', () => {
  const tree = read('ARCHITECTURE.md').match(/^```\n(index\.d\.ts[\s\S]*?)^```$/m)?.[1] ?? '';
  const path: string[] = [];
  const listed = tree.split('\n').flatMap((line) => {
    const [, indent = '', name = ''] = line.match(/^( *)(\S+)/) ?? [];
    path.length = indent.length / 2;
    path.push(name);
    return /\.(?:ts|rs)$/.test(name) ? [path.join('')] : [];
  });
  const sources = [...filesIn('src', '.rs'), ...filesIn('lib', '.ts')];
  expect(listed.filter((name) => name.includes('/')).toSorted()).toEqual(sources.toSorted());
});

describe('docs/api.md', () => {
  const contract = read('index.d.ts');
  const api = read('docs/api.md');

  /** The members of an interface or class of the contract. */
  function membersOf(name: string): string[] {
    const body = contract.match(
      new RegExp(`^export (?:interface|declare class) ${name} .*\\{$([\\s\\S]*?)^\\}$`, 'm'),
    );
    return all(body?.[1] ?? '', /^ {2}(?:readonly )?(\w+|\[Symbol\.asyncDispose\])\??[:(]/gm);
  }

  /** The names in the first column of the table after a heading. */
  function rowsAfter(heading: string): string[] {
    const section = api.slice(api.indexOf(`\n${heading}\n`) + 1);
    const table = section.match(/(?:^\|.*\n)+/m)?.[0] ?? '';
    return all(table, /^\| (`.+?) \|/gm).flatMap((cell) => all(cell, /`(\w+|\[Symbol\.asyncDispose\])/g));
  }

  test.each([
    ['SocketAddress', '### address'],
    ['SocketOptions', '## Options'],
    ['Socket', '## Socket'],
    ['SocketInfo', '### opened'],
    ['StartTlsOptions', '### Options of startTls()'],
  ])('has every member of %s', (name, heading) => {
    const members = membersOf(name).filter((member) => member !== 'constructor');
    expect(members.length).toBeGreaterThan(1);
    expect(rowsAfter(heading).toSorted()).toEqual(members.toSorted());
  });
});
