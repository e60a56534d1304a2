/**
 * The licences of what the binaries are built from: `node scripts/licenses.mjs` writes THIRD-PARTY-LICENSES, with `--check` it only says
 * whether that is current. It goes into each platform package.
 *
 * Crates that run at build time are not in it, nor those of tests. Where there is a choice it is MIT. Asks cargo, which may have to
 * download crates of other platforms.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './workspace.mjs';

const FILE = join(root, 'THIRD-PARTY-LICENSES');
const { napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @typedef {{ name: string, version: string, license: string, authors: string[], manifest_path: string }} Crate */

/** @param {string[]} args */
function cargo(...args) {
  const { status, stdout, stderr } = spawnSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`cargo ${args[0]} failed: ${stderr}`);
  return stdout;
}

/** Names and versions of all crates that are linked into a binary, for any platform. */
function linked() {
  const all = new Set();
  for (const target of napi.targets) {
    const args = ['-e', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}', '--target', target];
    for (const line of cargo('tree', '--locked', '-p', 'wintersock', ...args).split('\n')) {
      const [name, version] = line.split(' ');
      if (name && name !== 'wintersock') all.add(`${name} ${version?.slice(1)}`);
    }
  }
  return all;
}

/** What deny.toml lets in. */
const allowed = (() => {
  const [, list = ''] =
    /\[licenses\][^[]*allow = \[([^\]]*)\]/.exec(readFileSync(join(root, 'deny.toml'), 'utf8')) ?? [];
  return new Set([...list.matchAll(/^ *"([^"]+)"/gm)].map(([, name]) => name));
})();

/** Whether a licence, as SPDX writes it, is one of those; also without cargo-deny. @param {string} expression */
function isAllowed(expression) {
  const inner = /\(([^()]*)\)/.exec(expression);
  if (inner) return isAllowed(expression.replace(inner[0], isAllowed(inner[1] ?? '') ? 'yes' : 'no'));
  return expression.split(' AND ').every((part) => {
    return part.split(/ OR |\//).some((name) => name.trim() === 'yes' || allowed.has(name.trim()));
  });
}

/** The texts that go along with a crate. @param {Crate} crate */
function textsOf({ name, license, authors, manifest_path: manifest }) {
  const directory = dirname(manifest);
  const files = readdirSync(directory).filter((file) => /^(?:un)?licen[sc]e|^copying|^notice/i.test(file));
  const isFree = !license.includes(' AND ') && /\bMIT\b/.test(license);
  const chosen = files.filter((file) => /mit/i.test(file));
  const texts = (isFree && chosen.length > 0 ? chosen : files).map((file) => {
    return readFileSync(join(directory, file), 'utf8')
      .replaceAll('\r\n', '\n')
      .replaceAll(/[ \t]+$/gm, '')
      .trim();
  });
  if (texts.length > 0) return { license: isFree ? 'MIT' : license, text: texts.join('\n\n') };
  if (!isFree) throw new Error(`${name} has no text of its licence, ${license}`);
  return { license: 'MIT', text: mit(authors.length > 0 ? authors.join(', ') : `the authors of ${name}`) };
}

/** @param {string} holder */
const mit = (holder) => `MIT License

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

function written() {
  const wanted = linked();
  const { packages } = JSON.parse(cargo('metadata', '--locked', '--format-version', '1'));
  /** @type {Map<string, { license: string, crates: string[] }>} */
  const byText = new Map([
    [mit('The Rust Project Contributors'), { license: 'MIT', crates: ["Rust's standard library"] }],
  ]);
  for (const crate of /** @type {Crate[]} */ (packages)) {
    const id = `${crate.name} ${crate.version}`;
    if (!wanted.delete(id)) continue;
    if (!isAllowed(crate.license))
      throw new Error(`deny.toml does not allow the licence of ${id}: ${crate.license}`);
    const { license, text } = textsOf(crate);
    const known = byText.get(text) ?? { license, crates: [] };
    known.crates.push(id);
    byText.set(text, known);
  }
  if (wanted.size > 0) throw new Error(`cargo knows nothing of ${[...wanted].join(', ')}`);
  const parts = [...byText].map(([text, { license, crates }]) => {
    return `${'='.repeat(80)}\n${crates.sort().join('\n')}\n(${license})\n${'-'.repeat(80)}\n${text}\n`;
  });
  const head =
    "Wintersock's binaries have these in them. What is used on some platforms only is named for all.\n" +
    'Written by scripts/licenses.mjs.\n';
  return [head, ...parts.sort()].join('\n');
}

const text = written();
if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== text) {
  console.error('THIRD-PARTY-LICENSES is not current: run `node scripts/licenses.mjs`');
  process.exitCode = 1;
}
