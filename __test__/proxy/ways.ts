/** The proxies that tests go through: all kinds, real ones of Debian where there are some. */
import { randomUUID } from 'node:crypto';
import type { ProxyConfig } from 'wintersock';
import { type Authority, createAuthority } from '../fixtures/pki.mjs';
import * as dante from '../servers/dante.mjs';
import { startConnect, startTlsEnd } from '../servers/https-proxy.mjs';
import * as microsocks from '../servers/microsocks.mjs';
import * as tinyproxy from '../servers/tinyproxy.mjs';

/** A running proxy. */
export interface RunningProxy {
  /** For `proxy` of a configuration. */
  readonly config: ProxyConfig & { url: string };
  /** As it is called in messages. */
  readonly text: string;
  stop(): Promise<void>;
}

export interface ProxyWay {
  name: string;
  /** Why it cannot be used here. */
  skip: string | false;
  /** Whether the proxy carries each direction to its own end. */
  halfOpen: boolean;
  start(): Promise<RunningProxy>;
}

export const account = { user: 'employee', password: randomUUID() };
const identity = `${account.user}:${account.password}@`;

interface Server {
  port: number;
  stop(): Promise<void>;
}

/** @param before What stands before the host in its URL. */
function proxyOf(before: string, { port, stop }: Server): RunningProxy {
  const scheme = before.slice(0, before.indexOf('//') + 2);
  const place = `127.0.0.1:${port}`;
  return { config: { url: `${before}${place}` }, text: `${scheme}${place}`, stop };
}

/** The same over TLS. Nobody but `proxy.tls` trusts its certificate. */
export async function behindTls(
  before: string,
  server: Server,
): Promise<RunningProxy & { authority: Authority }> {
  const authority = await createAuthority({ commonName: 'authority of the proxy' });
  const credentials = await authority.issue({ names: ['127.0.0.1'] });
  const end = await startTlsEnd({ credentials, port: server.port });
  const proxy = proxyOf(before, end);
  return {
    ...proxy,
    authority,
    config: { ...proxy.config, tls: { ca: authority.certPem } },
    stop: async () => void (await Promise.all([end.stop(), server.stop()])),
  };
}

export const proxyWays: ProxyWay[] = [
  {
    name: 'http:// (tinyproxy)',
    skip: tinyproxy.available.skip,
    halfOpen: false,
    start: async () => proxyOf('http://', await tinyproxy.startTinyproxy()),
  },
  {
    name: 'http:// with a password (tinyproxy)',
    skip: tinyproxy.available.skip,
    halfOpen: false,
    start: async () => proxyOf(`http://${identity}`, await tinyproxy.startTinyproxy({ account })),
  },
  {
    name: 'https:// with a password (tinyproxy behind TLS)',
    skip: tinyproxy.available.skip,
    halfOpen: false,
    start: async () => behindTls(`https://${identity}`, await tinyproxy.startTinyproxy({ account })),
  },
  {
    name: 'https:// (CONNECT of Node behind TLS)',
    skip: false,
    halfOpen: true,
    start: async () => behindTls('https://', await startConnect()),
  },
  {
    name: 'socks5:// (Dante)',
    skip: dante.available.skip,
    halfOpen: true,
    start: async () => proxyOf('socks5://', await dante.startDante()),
  },
  {
    name: 'socks5h:// (Dante)',
    skip: dante.available.skip,
    halfOpen: true,
    start: async () => proxyOf('socks5h://', await dante.startDante()),
  },
  {
    name: 'socks5h:// with a password (microsocks)',
    skip: microsocks.available.skip,
    halfOpen: false,
    start: async () => proxyOf(`socks5h://${identity}`, await microsocks.startMicrosocks({ account })),
  },
];
