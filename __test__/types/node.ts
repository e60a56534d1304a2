/** wintersock/node as TypeScript sees it: what clients take, and mistakes. Checked by tsc, never run. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket as NetSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { Redis, type RedisOptions } from 'ioredis';
import { MqttClient } from 'mqtt';
import * as mysql from 'mysql2';
import nodemailer from 'nodemailer';
import pg from 'pg';
import postgres from 'postgres';
import ssh2 from 'ssh2';
import { Client as UndiciClient } from 'undici';
import { connect } from 'wintersock';
import {
  type ConnectionOptions,
  createConnection,
  PostgresSocket,
  Socket,
  type TlsOptions,
  toDuplex,
} from 'wintersock/node';
import WebSocket from 'ws';

/** Fails to compile unless the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
const same = <A, B>(_: Same<A, B>): void => {};

export async function uses(): Promise<void> {
  const socket: Socket = createConnection(5432, 'localhost', () => {});
  createConnection();
  createConnection({ port: '5432' });
  createConnection({ port: 5432, host: undefined, ca: undefined, signal: undefined });
  createConnection(5432);
  createConnection('5432', () => {});
  const plain: Socket = new Socket({
    allowHalfOpen: true,
    highWaterMark: 1024,
    signal: AbortSignal.timeout(1),
  });
  plain.connect({ port: 1, host: 'a', family: 4, noDelay: true, keepAlive: true, timeout: 1 }, () => {});
  plain
    .connect(1, 'a')
    .connect(1, () => {})
    .setTimeout(1)
    .setNoDelay()
    .setKeepAlive(true, 1)
    .ref()
    .unref();
  plain.startTls().startTls({ ca: ['pem', Buffer.from('der')], rejectUnauthorized: false }, () => {});
  plain.startTls({
    ALPNProtocols: ['h2'],
    checkServerIdentity: tls.checkServerIdentity,
    minVersion: 'TLSv1.3',
  });

  const duplex: Duplex = socket;
  duplex.on('data', (chunk: Buffer) => chunk);
  same<typeof socket.authorizationError, string | null>(true);
  same<typeof socket.alpnProtocol, string | false | null>(true);
  same<typeof socket.encrypted, boolean>(true);
  same<typeof socket.remotePort, number | undefined>(true);
  same<ReturnType<typeof toDuplex>, Socket>(true);
  // What takes one of Node's takes ours.
  const nodes: NetSocket = socket;
  nodes.on('timeout', () => {});
  socket.getPeerCertificate().subject.CN;
  socket.getPeerCertificate(true).issuerCertificate.subject.CN;
  toDuplex(connect('localhost:5432')).write('x');
  const options: ConnectionOptions & TlsOptions = { port: 1, cert: 'pem', key: new Uint8Array(1) };
  createConnection(options);
  // What users have for node:tls is taken as it is.
  const theirs: Pick<tls.ConnectionOptions, 'ca' | 'servername' | 'ALPNProtocols' | 'rejectUnauthorized'> =
    {};
  createConnection({ port: 1, servername: theirs.servername, rejectUnauthorized: theirs.rejectUnauthorized });
  for await (const _chunk of socket) _chunk;
}

/** In each client's own words; `as NetSocket` is not needed where a Duplex is taken. */
export async function clients(): Promise<void> {
  new pg.Client({ stream: () => createConnection() });
  new pg.Pool({ stream: () => createConnection() });
  new pg.Client({ ssl: false, stream: () => new PostgresSocket({ ca: 'pem' }) });
  postgres({ socket: () => createConnection(5432, 'localhost') } as object);
  mysql.createConnection({ stream: () => createConnection(3306) });
  new MqttClient(() => createConnection(1883) as Duplex, {});
  new ssh2.Client().connect({ sock: createConnection(22, 'localhost') });
  new WebSocket('ws://localhost', { createConnection: () => createConnection(80) });
  tls.connect({ socket: createConnection(443) });
  new Redis({
    Connector: class {
      connect = async () => createConnection(6379);
      disconnect() {}
      check = () => true;
    } as unknown as NonNullable<RedisOptions['Connector']>,
  });
  http.request({ createConnection: () => createConnection(80) });
  https.request({ createConnection: () => createConnection(443) });
  new (class extends http.Agent {
    override createConnection(_: http.ClientRequestArgs): Duplex {
      return createConnection(80);
    }
  })();
  nodemailer.createTransport({
    getSocket: (_: object, callback: (error: Error | null, found: { connection: NetSocket }) => void) =>
      callback(null, { connection: createConnection(587) }),
  } as object);
  new UndiciClient('http://localhost', {
    connect: (_, callback) => callback(null, createConnection(80)),
  });
}

export function mistakes(): void {
  // @ts-expect-error there is no such transport: a typing error must not turn TLS off
  createConnection({ port: 1, secureTransport: 'ON' });
  createConnection({ path: '/tmp/socket' });
  // @ts-expect-error a path is text
  createConnection({ path: 1 });
  // @ts-expect-error certificates are not numbers
  new Socket().startTls({ ca: 1 });
  // @ts-expect-error only what a socket of connect() is
  toDuplex({});
  // @ts-expect-error it says what it is, and is not told
  new Socket().encrypted = true;
}
