/** Uses of the contract of bindings that have to compile, and mistakes that must not. Checked by tsc, never run. */
import {
  type Binding,
  type BindingConfig,
  type BindingStats,
  connect,
  createBinding,
  presets,
  setDefaultBinding,
  type Socket,
} from 'wintersock';

/** Fails to compile unless the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
const same = <A, B>(_: Same<A, B>): void => {};

export async function uses(): Promise<void> {
  const binding: Binding = createBinding();
  createBinding(null);
  createBinding({});
  createBinding({ ...presets.workerd, deny: ['*:25'] });
  createBinding({ ...presets.cloudflare, ca: new URL('file:///ca.pem') });
  setDefaultBinding({ allow: ['public'] as const });

  // A member that is there and undefined, or null, is one that is not there.
  const config: BindingConfig = { allow: undefined, deny: null, proxy: undefined, keepAlive: null, ca: null };
  createBinding(config);
  createBinding({ proxy: 'http://proxy.example:3128' });
  createBinding({ proxy: new URL('socks5h://proxy.example') });
  createBinding({ proxy: true, localAddress: '127.0.0.1', localPort: 1024 });
  createBinding({
    proxy: { url: 'https://proxy.example', except: 'localhost,10.0.0.0/8', tls: { ca: 'pem' } },
  });
  createBinding({ proxy: { url: new URL('http://proxy.example'), except: ['localhost'] } });
  createBinding({ resolve: () => ['127.0.0.1'], connectTimeout: 5000, idleTimeout: 0 });
  createBinding({ resolve: async (hostname: string) => new Set([hostname]) });
  createBinding({ keepAlive: true, noDelay: false, attemptDelay: 100 });
  createBinding({ keepAlive: { idle: 60_000, interval: null, count: undefined } });
  createBinding({ maxConnections: 10 });
  createBinding({ maxConnections: { limit: 10, whenFull: 'refuse' } });
  createBinding({ cert: ['pem', new Uint8Array(1)], key: Buffer.from('pem'), passphrase: 'secret' });
  createBinding({ pins: ['sha256/'], minVersion: 'TLSv1.3', alpn: new Set(['h2']), keyLog: '/tmp/keys' });

  const { connect: bound } = binding;
  same<typeof bound, typeof connect>(true);
  const socket: Socket = bound('localhost:5432', { secureTransport: 'starttls' });
  socket.startTls({ extraCa: 'pem', verify: true, pins: [], sessionResumption: false });

  const stats: BindingStats = binding.stats;
  same<typeof stats.failures, Record<string, number>>(true);
  same<typeof stats.open, number>(true);
  same<typeof socket.stats.roundTrip, number | null>(true);
  same<typeof socket.stats.timings.tls, number | null>(true);

  const { tls } = await socket.opened;
  if (tls !== null) same<typeof tls.version, 'TLSv1.2' | 'TLSv1.3'>(true);
  const raw: Uint8Array | undefined = tls?.peerCertificate.raw;
  same<typeof raw, Uint8Array | undefined>(true);
}

export function mistakes(binding: Binding): void {
  // @ts-expect-error there is no such member
  createBinding({ allows: ['public'] });
  // @ts-expect-error rules are a list
  createBinding({ allow: 'public' });
  // @ts-expect-error rules are texts
  createBinding({ deny: [25] });
  // @ts-expect-error times are numbers
  createBinding({ connectTimeout: '5s' });
  // @ts-expect-error a proxy needs a URL
  createBinding({ proxy: { except: [] } });
  // @ts-expect-error with a proxy there is nothing to agree on
  createBinding({ proxy: { url: 'https://proxy.example', tls: { alpn: ['h2'] } } });
  // @ts-expect-error there are two ways
  createBinding({ maxConnections: { limit: 1, whenFull: 'queue' } });
  // @ts-expect-error a limit is needed
  createBinding({ maxConnections: { whenFull: 'wait' } });
  // @ts-expect-error there is no such version
  createBinding({ minVersion: 'TLSv1.1' });
  // @ts-expect-error addresses are texts
  createBinding({ resolve: () => [127] });
  // @ts-expect-error a configuration is not awaited
  createBinding(Promise.resolve({ allow: [] }));
  // @ts-expect-error the default needs a configuration
  setDefaultBinding();
  // @ts-expect-error a binding cannot be changed
  binding.connect = connect;
  // @ts-expect-error nor can presets
  presets.workerd.allow.push('*');
}
