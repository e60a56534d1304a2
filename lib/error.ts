/** The draft's SocketError, and the one place where a failure of the native half becomes one. */

const PREFIX = 'SocketError: ';

export interface SocketErrorOptions {
  code?: string;
  cause?: unknown;
}

/**
 * Everything that goes wrong with a socket (draft: "SocketError is an instance of TypeError. The error message should
 * start with SocketError: "). `name` stays TypeError's, as in the draft's own example.
 */
export class SocketError extends TypeError {
  readonly code: string;

  constructor(message = '', options: SocketErrorOptions = {}) {
    const text = String(message);
    super(
      text.startsWith(PREFIX) ? text : PREFIX + text,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = options.code ?? 'ERR_SOCKET';
  }
}

/** Longer texts are cut in messages. */
const SHOWN = 80;

/** A text as messages have it: in quotation marks, and with nothing in it that a terminal obeys. JSON leaves some of that as it is. */
export function literal(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The same of what somebody has passed, without what stands before an `@`: that may be a password. */
export function quoted(text: string): string {
  return literal(text.replace(/^(\s*[a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1'));
}

/** What the native half says of a failure. */
export interface Failure {
  code: string;
  message: string;
  cause?: string;
  syscall?: string;
  address?: string;
  port?: number;
}

/** A native failure as a SocketError. Without one, the native half lost track: that is an internal error. */
export function fromNative(failure: Failure | null): SocketError {
  if (failure === null) {
    return new SocketError('an internal error: the connection failed without a reason; please report it', {
      code: 'ERR_INTERNAL',
    });
  }
  const { code, message, cause } = failure;
  return new SocketError(message, { code, cause: cause === undefined ? undefined : new Error(cause) });
}

/** Runs a native call and turns what it throws into a SocketError. */
export function rethrowing<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    // What napi itself throws has a code in words, such as GenericFailure.
    throw new SocketError(message, { code: code?.startsWith('E') ? code : 'ERR_INTERNAL' });
  }
}

/** A connection was not open in time. @param phase What it was at. */
export function timeoutError(text: string, phase: string, after: number): SocketError {
  return new SocketError(
    `connect ETIMEDOUT ${text}: not established within ${after} ms (\`connectTimeout\`); it was ${phase}; check that this answers (host, route, firewall), or allow more time`,
    { code: 'ETIMEDOUT' },
  );
}

/** What was thrown, as an error. */
export function errorOf(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) return thrown;
  } catch {
    // A proxy that does not let itself be looked at.
  }
  return new SocketError(`something else than an error was thrown: ${typeof thrown}`, { cause: thrown });
}

/** The socket has been closed by this side. */
export function closedError(detail: string): SocketError {
  return new SocketError(detail, { code: 'ERR_SOCKET_CLOSED' });
}
