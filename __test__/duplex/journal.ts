import type { Socket } from 'node:net';

/** What a socket tells of itself at one moment, without what differs from run to run. */
export function stateOf(socket: Socket): string {
  const flags = [
    'connecting',
    'pending',
    'readable',
    'writable',
    'readableEnded',
    'writableEnded',
    'writableFinished',
    'destroyed',
    'closed',
  ] as const;
  const set = flags.filter((flag) => socket[flag] === true);
  // What Node still knows of a socket that is gone depends on whether it was asked before.
  const addresses = ['remoteAddress', 'remotePort', 'remoteFamily', 'localPort'] as const;
  const known = addresses.filter((name) => !socket.destroyed && socket[name] !== undefined);
  return `${socket.readyState} [${[...set, ...known].join(' ')}] in ${socket.bytesRead}, out ${socket.bytesWritten}`;
}

/** An error as drivers see it: the message is for people, and may be another one. */
export function errorOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall, hostname, address } = error as NodeJS.ErrnoException & {
    hostname?: string;
    address?: string;
  };
  const port = 'port' in error ? typeof error.port : undefined;
  const said = { syscall, hostname, address, port };
  const members = Object.entries(said).filter(([, value]) => value !== undefined);
  const inner = members.map(([name, value]) => `${name} ${value}`).join(', ');
  return `${code ?? `${error.name}: ${error.message}`}${inner && ` (${inner})`}`;
}

const EVENTS = ['lookup', 'connect', 'ready', 'secureConnect', 'end', 'finish', 'timeout', 'close'] as const;

/** What is observed, line by line. */
export class Journal {
  readonly lines: string[] = [];

  note(...said: readonly unknown[]): void {
    this.lines.push(said.map((one) => (typeof one === 'string' ? one : show(one))).join(' '));
  }

  /** Notes what a socket emits, with its state then. Its data is not listened to. */
  watch<T extends Socket>(socket: T, { name = '', bare = false } = {}): T {
    const state = () => (bare ? '' : stateOf(socket));
    for (const event of EVENTS) {
      socket.on(event as string, (...values) => this.note(name, event, ...values.map(errorOf), state()));
    }
    socket.on('error', (error) => this.note(name, 'error', errorOf(error), state()));
    return socket;
  }

  /** Notes what a call throws, or that it did not. */
  attempt(name: string, call: () => unknown): void {
    try {
      call();
      this.note(name, 'returns');
    } catch (error) {
      this.note(name, 'throws', errorOf(error));
    }
  }

  /** Leaves out an event that is the machine's matter: which addresses a name has, for example. */
  forget(event: string): void {
    this.lines.splice(0, this.lines.length, ...this.lines.filter((line) => line.split(' ')[1] !== event));
  }

  /** A callback that notes with what it is called. */
  callback(name: string): (error?: Error | null) => void {
    return (error) => this.note(name, 'called back', error ? errorOf(error) : '');
  }
}

function show(value: unknown): string {
  if (value instanceof Error) return errorOf(value);
  if (Buffer.isBuffer(value)) return `<${value.length} bytes>`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value) ?? String(value);
  }
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
