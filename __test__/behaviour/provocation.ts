import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket, type SocketError, type StartTlsOptions } from 'wintersock';
import type { Credentials } from '../fixtures/pki.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { type FaultName, faults } from './fault.ts';
import { Scene, type State, type Transport, type Trust } from './scene.ts';
import { Peer, type PeerTls } from './wire.ts';

/** What is known of an error: that of another process has arrived as JSON. */
export type Seen = Pick<SocketError, 'code' | 'message'> & { cause?: unknown; address?: string };

/** What `promise` rejects with. */
export async function reasonOf(promise: Promise<unknown>): Promise<Seen> {
  try {
    await promise;
  } catch (error) {
    return error as Seen;
  }
  throw new Error('it did not fail');
}

/** What `call` throws. */
export function thrownBy(call: () => unknown): Seen {
  try {
    call();
  } catch (error) {
    return error as Seen;
  }
  throw new Error('it did not throw');
}

/** What a handshake with a server of these credentials ends with. The client trusts `ca`. */
export async function refusal(
  options: Partial<PeerTls> & { credentials: Credentials },
  { ca, ...rest }: StartTlsOptions & { ca: string },
  { alpn, host = 'localhost' }: { alpn?: string[]; host?: string } = {},
): Promise<Seen> {
  await using peer = await Peer.open(host === '::1' ? host : '127.0.0.1');
  const socket = connect(
    { hostname: host, port: peer.port },
    { secureTransport: 'starttls', ...(alpn && { alpn }) },
  );
  const wire = await peer.wire();
  wire.secure(options).catch(() => {});
  const secure = socket.startTls({ ca, ...rest });
  const error = await reasonOf(secure.opened.then(() => secure.readable.getReader().read()));
  return { code: error.code, message: error.message, cause: error.cause, address: `${host}:${peer.port}` };
}

/** What a read ends with after a fault. */
export async function broken(
  trust: Trust,
  transport: Transport,
  state: State,
  fault: FaultName,
): Promise<Seen> {
  await using peer = await Peer.open();
  const scene = await new Scene(transport, trust).reach(state, peer);
  if (scene.wire === undefined) throw new Error('no connection');
  await faults[fault](scene, scene.wire);
  const { code, message, cause } = await reasonOf(scene.read ?? scene.reader.read());
  return { code, message, cause, address: peer.address };
}

/** A server that answers a ClientHello with these bytes. */
export async function answering(bytes: Buffer): Promise<Seen> {
  await using peer = await Peer.open();
  const socket = connect(peer.address, { secureTransport: 'on' });
  const wire = await peer.wire();
  await wire.hear();
  await wire.send(bytes);
  const { code, message, cause } = await reasonOf(socket.opened);
  return { code, message, cause, address: peer.address };
}

/** What a handshake ends with whose TLS 1.2 certificate and key exchange were changed on the way. */
export async function tampered({ credentials }: Trust, spoil: (flight: Buffer) => number): Promise<Seen> {
  await using peer = await Peer.open();
  const socket = connect(peer.address, { secureTransport: 'on' });
  const wire = await peer.wire();
  wire.spoilOutgoing = (flight) => {
    const index = spoil(flight);
    flight[index] = (flight[index] ?? 0) ^ 1;
    return flight;
  };
  wire.secure({ credentials, maxVersion: 'TLSv1.2' }).catch(() => {});
  const { code, message, cause } = await reasonOf(socket.opened);
  return { code, message, cause, address: peer.address };
}

/** A call of startTls() with these options, on a socket that never gets to use them. */
export async function thrownByStartTls(options: StartTlsOptions): Promise<Seen> {
  await using peer = await Peer.open();
  const socket = connect(peer.address, { secureTransport: 'starttls' });
  const error = thrownBy(() => socket.startTls(options));
  await socket.close();
  return error;
}

/** What an open 'starttls' socket makes of `act`. */
export async function withSocket(act: (socket: Socket) => unknown): Promise<Seen> {
  await using peer = await Peer.open();
  const socket = connect(peer.address, { secureTransport: 'starttls' });
  await socket.opened;
  const error = await reasonOf((async () => act(socket))());
  await socket.close();
  return error;
}

const script = '__test__/fixtures/error-report.mjs';

/** What addresses end with in a process of its own. */
export async function reported(addresses: string[], env: Record<string, string> = {}): Promise<Seen[]> {
  const { stdout, stderr } = await runNode([script, ...addresses], { env, deadline: 20_000 });
  if (stdout === '') throw new Error(stderr);
  return lines(stdout);
}

/** The same after a shell has set things up, with `$NODE` for the program. */
export async function reportedBy(program: string, args: string[]): Promise<Seen[]> {
  const env = { ...process.env, NODE: `${process.execPath} ${script}` };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  await once(child, 'close');
  return lines(stdout);
}

function lines(text: string): Seen[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
