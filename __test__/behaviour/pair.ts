import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect, vi } from 'vitest';
import { Peer } from './wire.ts';

/** Which of the two an answer is. */
export type Answer = 'open' | 'secret';

/** Two listeners at one port: one that may be connected to, and one at another address of this machine that may not. */
export class Pair {
  /** The address of the open one. */
  readonly host = '127.0.0.1';
  /** That of the secret one. */
  readonly secret: string;
  /** The open one. */
  readonly peer: Peer;
  readonly port: number;
  /** A port where only the secret one listens. */
  readonly alone: number;
  /** How many connections the secret one has got. */
  reached = 0;
  readonly #servers: Server[];

  private constructor(peer: Peer, secret: string, beside: Server, alone: Server) {
    this.peer = peer;
    this.secret = secret;
    this.port = peer.port;
    this.alone = (alone.address() as AddressInfo).port;
    this.#servers = [beside, alone];
    for (const server of this.#servers) {
      server.on('connection', (tcp) => {
        this.reached += 1;
        tcp.on('error', () => {}).end();
      });
    }
  }

  static async open(): Promise<Pair> {
    const probe = await listening(0, '::1').catch(() => undefined);
    probe?.close();
    const secret = probe ? '::1' : '127.0.0.2';
    for (let attempt = 0; ; attempt += 1) {
      const peer = await Peer.open();
      peer.onWire = (wire) => void wire.drain();
      try {
        return new Pair(peer, secret, await listening(peer.port, secret), await listening(0, secret));
      } catch (error) {
        // Somebody else has that port at the other address.
        await peer.close();
        if (attempt === 20) throw error;
      }
    }
  }

  /** A `resolve` that gives one answer after the other, the last one for ever, and notes what it is asked. */
  resolver(...answers: Answer[][]): { asked: string[]; resolve(name: string): string[] } {
    const asked: string[] = [];
    const resolve = (name: string) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(name);
      return answer.map((which) => (which === 'open' ? this.host : this.secret));
    };
    return { asked, resolve };
  }

  /** Waits until the open one has the connection of a client with this local end. */
  async accepts(local: string): Promise<void> {
    const port = Number(local.slice(local.lastIndexOf(':') + 1));
    await vi.waitFor(() => expect(this.peer.wires.map(({ tcp }) => tcp.remotePort)).toContain(port), 10_000);
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    await this.peer.close();
  }
}

async function listening(port: number, host: string): Promise<Server> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  return server;
}
