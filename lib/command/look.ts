/** Connections that are made to find out what was wrong with another one, and what the end of a handshake does not tell. */

import type { Binding, BindingConfig, Socket } from '../../index.d.ts';
import { Attempt, serverNameOf, type Target } from './attempt.ts';
import { withoutTrust } from './config.ts';
import { problemOf } from './failure.ts';
import { addConnection, addTls, type Report } from './report.ts';

/** What it takes to connect once more. */
export interface Host {
  config: BindingConfig;
  target: Target;
  createBinding(config: BindingConfig): Binding;
}

/** Adds the certificates that were refused. No data goes over the connection that this takes. */
export async function lookAt(
  { config, target, createBinding }: Host,
  report: Report,
  refusal: string,
): Promise<void> {
  const trusting = withoutTrust(config);
  if (trusting === undefined) return;
  const attempt = new Attempt(createBinding(trusting), target);
  try {
    const { info, tls } = await attempt.open();
    addConnection(report, info);
    if (tls) addTls(report, { tls, alpn: info.alpn, serverName: serverNameOf(target), refusal });
  } catch (error) {
    report.warnings.push(`the certificates could not be looked at: ${problemOf(error).message}`);
  } finally {
    await attempt.close();
  }
}

/** Milliseconds that a server has to say something in plain text. */
const attention = 1500;

/** What a server says at once in plain text; empty: nothing, or it cannot be asked. */
export async function overhear({ config, target, createBinding }: Host): Promise<Uint8Array> {
  const { sni, alpn, ...options } = target.options;
  const plain: Target = { ...target, protocol: undefined, options: { ...options, secureTransport: 'off' } };
  const attempt = new Attempt(createBinding(config), plain);
  const timer = setTimeout(() => void attempt.close(), attention);
  try {
    const { socket } = await attempt.open();
    const { value } = await socket.readable.getReader().read();
    return value ?? new Uint8Array();
  } catch {
    return new Uint8Array();
  } finally {
    clearTimeout(timer);
    await attempt.close();
  }
}

/** Milliseconds that a server has to refuse the client's certificate, beside two handshakes' time: TLS 1.3 does it afterwards. */
const grace = 500;

/**
 * Waits for a refusal that comes after the handshake.
 * @param handshake How many milliseconds that took.
 */
export async function outlast(socket: Socket, handshake: number): Promise<void> {
  const reader = socket.readable.getReader();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, grace + 2 * handshake);
  });
  try {
    await Promise.race([reader.read(), patience]);
  } catch (error) {
    // It may end as it likes.
    if (problemOf(error).code !== 'ERR_TLS_TRUNCATED') throw error;
  } finally {
    clearTimeout(timer);
  }
}
