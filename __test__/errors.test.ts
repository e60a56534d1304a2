/** Every code of docs/errors.md: provoked, with a message that says what happened, where, and what to do. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { reportedBy, type Seen, thrownBy } from './behaviour/provocation.ts';
import { isolated, prepareProvocations, provocations } from './behaviour/provocations.ts';
import { unprovoked } from './behaviour/unprovoked.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

beforeAll(prepareProvocations);

/** What a message tells the reader to do. */
const REMEDY =
  /\b(must|check|pass|use|write|connect|try|trust|give|let|renew|correct|close|raise|convert|offer|update|install|run|report|look|set|do not trust|should say|restarted)\b/i;

function expectGood({ code, message, cause, address }: Seen, expected: string): void {
  expect({ code, message }).toMatchObject({ code: expected });
  expect(message).toMatch(/^SocketError: (?!SocketError)/);
  if (address !== undefined) expect(message).toContain(address.replace(/^\w+=/, '').replace(/:5432$/, ''));
  if (expected !== 'ERR_SOCKET')
    expect(message.replace(/^SocketError: (connect|read|write) \w+ /, '')).toMatch(REMEDY);
  expect(message).not.toMatch(/undefined|null|\[object/);
  if (cause !== undefined && typeof cause !== 'string') expect(cause).toBeInstanceOf(Error);
}

describe('provoked', () => {
  test.concurrent.each(provocations)(
    '%s: %s',
    async (code, _, provoke) => {
      expectGood(await provoke(), code);
    },
    20_000,
  );

  test('ERR_ACCESS_DENIED: the permission model without the network', () => {
    const permission = { has: (scope: string) => scope !== 'net' };
    const allowed = process.allowedNodeEnvironmentFlags;
    Object.defineProperty(process, 'permission', { value: permission, configurable: true });
    Object.defineProperty(process, 'allowedNodeEnvironmentFlags', {
      value: new Set([...allowed, '--allow-net']),
      configurable: true,
    });
    try {
      expectGood(
        thrownBy(() => connect('localhost:1')),
        'ERR_ACCESS_DENIED',
      );
    } finally {
      Object.defineProperty(process, 'allowedNodeEnvironmentFlags', { value: allowed, configurable: true });
      Reflect.deleteProperty(process, 'permission');
    }
  });

  test.runIf(process.platform !== 'win32')('EMFILE: no descriptor left', async () => {
    const shell = 'ulimit -n 200; $NODE full=127.0.0.1:1';
    const [error] = await reportedBy('sh', ['-c', shell]);
    expectGood(error as Seen, 'EMFILE');
  });

  test.runIf(process.platform === 'linux')('EMFILE: no descriptor left for the resolver', async () => {
    const [error] = await reportedBy('sh', ['-c', 'ulimit -n 200; $NODE full=localhost:1']);
    expectGood(error as Seen, 'EMFILE');
  });

  const ownNetwork = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
  test.runIf(ownNetwork).concurrent.each(isolated)(
    '%s: %s',
    async (code, _, setup, address) => {
      const shell = `ip link set lo up; ${setup}; $NODE ${address}`;
      const [error] = await reportedBy('unshare', ['-rn', 'sh', '-c', shell]);
      expectGood(error as Seen, code);
    },
    20_000,
  );
});

describe('docs/errors.md', () => {
  const documented = async () => {
    const text = await readFile(join(root, 'docs/errors.md'), 'utf8');
    return [...text.matchAll(/^\| `([A-Z][A-Z_]+)` \|/gm)].map(([, code]) => code as string);
  };

  test('lists each code once', async () => {
    const codes = await documented();
    expect(codes).toEqual([...new Set(codes)]);
  });

  test('lists exactly what is provoked here, and what cannot be', async () => {
    const known = [
      ...provocations.map(([code]) => code),
      ...isolated.map(([code]) => code),
      ...Object.keys(unprovoked),
      'EMFILE',
      'ERR_ACCESS_DENIED',
    ];
    expect((await documented()).sort()).toEqual([...new Set(known)].sort());
  });
});
