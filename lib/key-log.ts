/** The file that secrets of TLS sessions are appended to, for those who debug. */

import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CredentialsOptions } from '../binding.d.cts';
import { SocketError } from './error.ts';
import { describe, invalid } from './options.ts';
import { warn } from './warning.ts';

const VARIABLE = 'SSLKEYLOGFILE';

/** What the environment says, if nobody says anything else. */
export function keyLogOfHost(): { keyLog?: string } {
  const file = process.env[VARIABLE];
  return file ? { keyLog: resolve(file) } : {};
}

/** The member `keyLog`: a path, or `false` for none. */
export function readKeyLog(value: unknown, name: string): string | false | undefined {
  if (value === undefined || value === false) return value;
  if (value === true) {
    const { keyLog } = keyLogOfHost();
    if (keyLog !== undefined) return keyLog;
    throw invalid(`\`${name}: true\` needs the environment variable ${VARIABLE}; set it, or pass a path`);
  }
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value);
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value);
  throw invalid(`\`${name}\` must be a path, a file: URL or a boolean, not ${describe(value)}`);
}

/** Options that are about to be used: whoever logs is warned, and a file of the environment that cannot be used is left out. */
export function logged(options: Readonly<CredentialsOptions>): Readonly<CredentialsOptions> {
  const { keyLog, ...others } = options;
  if (keyLog === undefined) return options;
  const failed = failure(keyLog);
  if (failed !== undefined && keyLog !== keyLogOfHost().keyLog) {
    throw new SocketError(
      `invalid option: \`keyLog\` names ${keyLog}, which cannot be opened: ${failed}; check the path and its permissions`,
      { code: failed === 'ERR_ACCESS_DENIED' ? failed : 'ERR_INVALID_OPTION' },
    );
  }
  // The variable is for all programs that are started with it, so one that cannot be honoured is no reason to fail.
  warn(
    'WINTERSOCK_KEYLOG',
    failed === undefined
      ? `the secrets of TLS sessions are appended to ${keyLog}: whoever reads it can read the traffic`
      : `${VARIABLE} names ${keyLog}, which cannot be opened (${failed}): no secrets are logged`,
  );
  return failed === undefined ? options : others;
}

/** Node's permission model does not see what the native half writes. */
function failure(path: string): string | undefined {
  const { permission } = process as { permission?: { has(scope: string, path: string): boolean } };
  if (permission && !permission.has('fs.write', path)) return 'ERR_ACCESS_DENIED';
  try {
    closeSync(openSync(path, 'a', 0o600));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
