/** Uses of the contract that have to compile, and mistakes that must not. Checked by tsc, never run. */
import { connect, Socket, SocketError, type SocketInfo, type SocketOptions } from 'wintersock';

/** Fails to compile unless the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
const same = <A, B>(_: Same<A, B>): void => {};

export async function uses(): Promise<void> {
  const socket: Socket = connect('localhost:5432');
  connect({ hostname: '::1', port: 5432 }, null);
  connect('localhost:5432', {});
  connect('localhost:5432', { secureTransport: 'on', sni: null, alpn: new Set(['h2']), allowHalfOpen: true });
  connect('localhost:5432', { highWaterMark: 65536n, signal: AbortSignal.timeout(1000) });
  // A dictionary of WebIDL: a member that is there and undefined is one that is not there.
  const options: SocketOptions = { secureTransport: undefined, signal: null, highWaterMark: undefined };
  connect('localhost:5432', options);

  const info: SocketInfo = await socket.opened;
  same<typeof info.remoteAddress, string>(true);
  same<typeof info.alpn, string | null>(true);
  same<typeof socket.closed, Promise<void>>(true);
  same<typeof socket.upgraded, boolean>(true);
  same<typeof socket.secureTransport, 'off' | 'on' | 'starttls'>(true);

  const writer = socket.writable.getWriter();
  await writer.write(new Uint8Array(1));
  await writer.write(new ArrayBuffer(1));
  await writer.write(Buffer.from('bytes'));
  await writer.write('text');

  const { value } = await socket.readable.getReader().read();
  same<typeof value, Uint8Array | undefined>(true);
  const byob = socket.readable.getReader({ mode: 'byob' });
  await byob.read(new Uint8Array(16));
  for await (const chunk of socket.readable) same<typeof chunk, Uint8Array>(true);

  const secure: Socket = socket.startTls();
  secure.startTls({ sni: 'a', servername: 'b', expectedServerHostname: 'c', ca: ['pem', new Uint8Array(1)] });
  // Drivers pass their own options through.
  secure.startTls({ rejectUnauthorized: true, socket: {}, cert: 'pem', key: Buffer.from('pem') });

  same<ReturnType<Socket['close']>, Promise<void>>(true);
  await socket.ref().unref().close(new Error('reason'));
  await using scoped = connect('localhost:5432');
  await scoped.opened;

  const error: TypeError = new SocketError('message', { code: 'ECONNREFUSED', cause: new Error() });
  if (error instanceof SocketError) same<typeof error.code, string>(true);
}

export function mistakes(socket: Socket): void {
  // @ts-expect-error an address is needed
  connect();
  // @ts-expect-error a port is needed
  connect({ hostname: 'localhost' });
  // @ts-expect-error a port is a number
  connect({ hostname: 'localhost', port: '5432' });
  // @ts-expect-error a number is no address
  connect(5432);
  // @ts-expect-error there is no such transport: a typing error must not turn TLS off
  connect('localhost:5432', { secureTransport: 'ON' });
  // @ts-expect-error ALPN protocols are a list
  connect('localhost:5432', { alpn: 1 });
  // @ts-expect-error a signal is no controller
  connect('localhost:5432', { signal: new AbortController() });
  // @ts-expect-error sockets are made by connect()
  new Socket();
  // @ts-expect-error neither a string of bytes nor an object
  socket.writable.getWriter().write({ data: 'text' });
  // @ts-expect-error the streams stay the same
  socket.readable = new ReadableStream();
  // @ts-expect-error certificates are not numbers
  socket.startTls({ ca: 1 });
  // @ts-expect-error nor is a name
  socket.startTls({ sni: 1 });
}
