/** `allow` and `deny` against Unix domain sockets that are asked for as such. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BindingConfig, createBinding } from 'wintersock';
import { failureOf } from './behaviour/link.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wintersock-policy-')));
const path = join(directory, 'pg.sock');
const abstractName = `@${directory.slice(1)}`;
let reached = 0;
const server = createServer((tcp) => {
  reached += 1;
  tcp.on('error', () => {}).end();
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

/** Whether it is let through; what is refused is thrown at once. */
async function lets(config: BindingConfig, name = path): Promise<boolean> {
  const before = reached;
  const opened = Promise.resolve().then(async () => {
    const socket = createBinding({ connectTimeout: 10_000, ...config }).connect(`unix:${name}`);
    await socket.opened;
    await socket.close();
  });
  const { code, message } = await failureOf(opened);
  if (message === 'it did not fail') {
    await vi.waitFor(() => expect(reached).toBe(before + 1), 10_000);
    return true;
  }
  expect({ code, reached }).toEqual({ code: 'ERR_ACCESS_DENIED', reached: before });
  expect(message).toContain(`SocketError: connect ERR_ACCESS_DENIED unix:${name}: `);
  return false;
}

describe.skipIf(process.platform === 'win32')('Unix domain sockets', () => {
  beforeAll(async () => {
    await once(server.listen(path), 'listening');
  });

  test.each<[config: BindingConfig, expected: boolean]>([
    [{}, true],
    [{ allow: ['*'] }, true],
    [{ allow: ['unix'] }, true],
    [{ allow: [`unix:${path}`] }, true],
    [{ allow: [`unix:${directory}/*`] }, true],
    [{ allow: [`unix:${directory}/p*.sock`] }, true],
    [{ allow: ['public', 'unix'], deny: ['private'] }, true],
    [{ deny: ['public', '*:25', 'unix-abstract', `unix:${directory}/other`] }, true],
    [{ allow: [] }, false],
    [{ allow: ['public', 'private', 'local', 'network', '*:1-65535'] }, false],
    [{ allow: ['unix-abstract'] }, false],
    [{ allow: [`unix:${directory}/p`] }, false],
    [{ allow: [`unix:${directory}/*.socket`] }, false],
    [{ allow: ['unix:/*'] }, false],
    [{ deny: ['local'] }, false],
    [{ deny: ['private'] }, false],
    [{ deny: ['unix'] }, false],
    [{ allow: ['unix'], deny: [`unix:${directory}/*`] }, false],
  ])('%j', async (config, expected) => {
    expect(await lets(config)).toBe(expected);
  });

  test('another spelling of the path gains nothing', async () => {
    mkdirSync(join(directory, 'sub'));
    for (const spelling of [
      `${directory}/./pg.sock`,
      `${directory}//pg.sock`,
      `${directory}/sub/../pg.sock`,
      `/${path}`,
    ]) {
      expect(await lets({}, spelling)).toBe(true);
      expect(await lets({ deny: [`unix:${path}`] }, spelling)).toBe(false);
      expect(await lets({ deny: [`unix:${directory}/pg*`] }, spelling)).toBe(false);
      expect(await lets({ allow: [`unix:${directory}/sub/*`] }, spelling)).toBe(false);
    }
  });

  test('symbolic links are not looked at, as is documented', async () => {
    const link = join(directory, 'link');
    symlinkSync(path, link);
    expect(await lets({ allow: [`unix:${link}`] }, link)).toBe(true);
  });

  test.runIf(process.platform === 'linux')('abstract ones have a rule of their own', async () => {
    // Nobody listens there: older versions of Node cannot at a name of this length.
    const code = (config: BindingConfig) => {
      const connecting = async () => createBinding(config).connect(`unix:${abstractName}`).opened;
      return failureOf(connecting()).then((failure) => failure.code);
    };
    for (const config of [{}, { allow: ['unix-abstract'] }, { allow: ['*'] }, { deny: ['unix'] }]) {
      expect(await code(config)).toBe('ECONNREFUSED');
    }
    for (const config of [
      { allow: ['unix', 'unix:/*'] },
      { allow: [`unix:/${abstractName.slice(1)}`] },
      { deny: ['unix-abstract'] },
      { deny: ['local'] },
    ]) {
      expect(await code(config)).toBe('ERR_ACCESS_DENIED');
    }
  });
});
