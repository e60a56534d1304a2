/**
 * What a package that is replaced does with its modules, in a process whose host may have decided something: HOST_CONFIG, the members of
 * which that begin with `file:` are URLs. `node safety-shim.mjs <port> <port with TLS> <case>...` prints what became of each case.
 */
import { EventEmitter } from 'node:events';
import realNet from 'node:net';
import { setDefaultBinding } from 'wintersock';
import { register } from 'wintersock/register';

const config = process.env.HOST_CONFIG;
const reviver = (_, value) => (String(value).startsWith('file:') ? new URL(value) : value);
if (config) setDefaultBinding(JSON.parse(config, reviver));
register({ replace: ['driver'] });
const drivers = [
  await import('driver'),
  (await import('node:module')).createRequire(import.meta.url)('driver'),
];

const [port, securePort, ...cases] = process.argv.slice(2);
const host = '127.0.0.1';
const place = { host, port: Number(port) };
const secure = { host, port: Number(securePort), rejectUnauthorized: false };
const onread = { buffer: Buffer.alloc(64), callback: () => true };

const resetting = realNet.createServer((tcp) => tcp.on('error', () => {}).resetAndDestroy());
await new Promise((resolve) => resetting.listen(0, host, resolve));

const acts = {
  plain: ({ net }) => net.connect(place),
  localAddress: ({ net }) => net.connect({ ...place, localAddress: host }),
  localPort: ({ net }) => net.createConnection({ ...place, localPort: 0 }),
  blockList: ({ net }) => net.connect({ ...place, blockList: new realNet.BlockList() }),
  onread: ({ net }) => net.connect({ ...place, onread }),
  'new Socket': ({ net }) => new net.Socket({ onread }).connect(place.port, host),
  'new Stream': ({ net }) => new net.Stream({ onread }).connect(place.port, host),
  'Socket()': ({ net }) => net.Socket({ onread }).connect(place.port, host),
  TLSSocket: ({ tls }) =>
    new tls.TLSSocket(undefined, { rejectUnauthorized: false }).connect(secure.port, host),
  'TLSSocket over a stream': ({ tls }) => {
    const tcp = realNet.connect(secure.port, host);
    new tls.TLSSocket(tcp, { rejectUnauthorized: false }).on('error', () => {});
    return tcp;
  },
  tls: ({ tls }) => tls.connect(secure),
  ciphers: ({ tls }) => tls.connect({ ...secure, ciphers: 'HIGH' }),
  sigalgs: ({ tls }) =>
    tls.connect(secure.port, host, { ...secure, sigalgs: 'ecdsa_secp256r1_sha256:RSA-PSS+SHA256' }),
  secureContext: ({ tls }) => tls.connect({ ...secure, secureContext: realTls.createSecureContext() }),
  'tls localAddress': ({ tls }) => tls.connect({ ...secure, localAddress: host }),
  'a foreign stream': ({ tls }) =>
    tls.connect({ socket: realNet.connect(secure.port, host), rejectUnauthorized: false }),
  // As drivers do it: within a listener, where what is thrown ends the process.
  'an ended socket': ({ net, tls }) => {
    const told = Object.assign(new EventEmitter(), { destroy() {} });
    const plain = net.connect(resetting.address().port, host).on('error', () => {});
    plain.on('close', () => {
      try {
        tls.connect({ socket: plain }).on('error', () => {});
        told.emit('connect');
      } catch (error) {
        told.emit('error', error);
      }
    });
    return told;
  },
  'ciphers over ours': ({ net, tls }) =>
    tls.connect({ socket: net.connect(secure.port, host), ciphers: 'HIGH', rejectUnauthorized: false }),
};
const { default: realTls } = await import('node:tls');

/** 'connected', or the code and the message of what was thrown, or of the event. */
async function outcome(act) {
  let socket;
  try {
    socket = act();
    const event = socket.encrypted ? ['secureConnect', 'secure', 'connect'] : ['connect'];
    await new Promise((resolve, reject) => {
      for (const name of event) socket.once(name, resolve);
      socket.once('error', reject);
      setTimeout(reject, 10_000, new Error(`nothing has happened`)).unref();
    });
    return 'connected';
  } catch ({ code, message }) {
    return [code, message];
  } finally {
    socket?.destroy();
  }
}

const report = {};
for (const name of cases) {
  const each = [];
  for (const { net, tls } of drivers) each.push(await outcome(() => acts[name]({ net, tls })));
  report[name] = each;
}
console.log(JSON.stringify(report));
process.exit();
