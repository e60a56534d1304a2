/** What goes wrong in the command itself, and what each failure means for who called it. */

/** A wrong option or argument. */
export class UsageError extends Error {}

/** Something that a connection was wanted for, and that is not there. */
export class Failure extends Error {
  readonly code: string;

  constructor(message: string, code = 'ERR_STARTTLS') {
    super(message);
    this.code = code;
  }
}

/** The exit codes. They are API: docs/command.md lists them. */
export const exit = { fine: 0, broken: 1, usage: 2, certificate: 3, late: 4, denied: 5, noTls: 6 } as const;

/** What went wrong, as the report has it. */
export interface Problem {
  code: string;
  message: string;
}

/** Anything that was thrown, as a problem. */
export function problemOf(thrown: unknown): Problem {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === 'string' ? code : 'ERR_INTERNAL',
    message: String(message ?? thrown).replace(/^SocketError: /, ''),
  };
}

/** Whether it is the server's certificate that was refused. */
export function isRefusal(code: string): boolean {
  return /^(?:CERT_|ERR_TLS_CERT_|ERR_TLS_PIN$|INVALID_PURPOSE$|UNABLE_TO_|.*SELF_SIGNED_CERT)/.test(code);
}

/** The exit code for a code of an error. */
export function exitCodeOf(code: string): number {
  if (isRefusal(code)) return exit.certificate;
  if (/^(?:ETIMEDOUT|ERR_IDLE_TIMEOUT)$/.test(code)) return exit.late;
  if (/^ERR_(?:ACCESS_DENIED|PROXY)/.test(code)) return exit.denied;
  if (/^ERR_(?:INVALID_|TLS_TRUST$)/.test(code)) return exit.usage;
  if (/^ERR_(?:TLS_|STARTTLS$)/.test(code) && code !== 'ERR_TLS_TRUNCATED') return exit.noTls;
  return exit.broken;
}

/** What was given, for a message: without what stands before an `@`, which may be a password. */
export function bare(text: string): string {
  return text.replace(/^(-*)(\w[\w+.-]*:\/\/)?.*@/s, '$1$2');
}

/** Text from elsewhere, so that it cannot steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The same, in quotation marks, and not too long. */
export function quoted(text: string): string {
  const line = printable(text.trimEnd());
  return `"${line.length > 200 ? `${line.slice(0, 200)}...` : line}"`;
}
