/** The way over the bad line leads to a proxy, with or without TLS of its own. */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { startConnect, startTlsEnd } from '../../servers/https-proxy.mjs';
import { KIB, MIB } from '../content.mjs';
import { addresses } from '../line.mjs';
import { closesInFlight } from './ends.mjs';
import { fails, received } from './serving.mjs';
import { bothWays, sendsAndReceives } from './transfers.mjs';

const apis = ['connect()', 'wintersock/node'];

/** For the life of the peer. @type {Promise<{ plain: number, secure: number }> | undefined} */
let running;

/** The proxies listen on the loopback: from outside they are reached through this. @param {number} port */
export async function reachable(port) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    near.on('error', () => far.resetAndDestroy()).pipe(far);
    far.on('error', () => near.resetAndDestroy()).pipe(near);
  });
  await new Promise((resolve) => server.listen({ port: 0, host: '::' }, resolve));
  return server.address().port;
}

function prepare({ cert, key }) {
  running ??= (async () => {
    const { port } = await startConnect();
    const end = await startTlsEnd({ port, credentials: { chainPem: cert, keyPem: key } });
    return { plain: await reachable(port), secure: await reachable(end.port) };
  })();
  return running;
}

/** @param {{ plain: number, secure: number }} ports */
const urls = ({ plain, secure }) => [`http://${addresses.v4}:${plain}`, `https://${addresses.v4}:${secure}`];

/** The workload over a proxy of each kind. */
const each = (workload, act) =>
  ['a proxy', 'a proxy with TLS'].map((kind, index) => ({
    ...workload,
    name: `${workload.name}, through ${kind}`,
    apis,
    prepare,
    run: (job) => act(job, { config: { proxy: urls(job.prepared)[index] } }),
  }));

export const proxies = [
  ...each(
    {
      name: 'both ways at once',
      says: 'as without a proxy',
      on: ['bad', 'slow'],
      quick: ['bad'],
      size: { full: 2 * MIB, quick: 256 * KIB },
      serve: sendsAndReceives,
    },
    bothWays,
  ),
  ...each(
    {
      name: 'close() with data in flight',
      says: 'all that was written reaches the peer, and then the end',
      on: ['far', 'bad', 'slow'],
      quick: ['bad'],
      size: { full: 96 * KIB, quick: 64 * KIB },
      serve: received,
    },
    closesInFlight,
  ),
  ...each(
    {
      name: 'a silence',
      says: 'all data is lost from the beginning: ETIMEDOUT after `connectTimeout` (600 ms), at the proxy',
      on: ['far'],
      quick: [],
      securities: ['off'],
      promises: 600,
      turns: { loses: { line: () => ['drop up data 999'] } },
      serve: received,
    },
    async ({ open, turn, within }, { config }) => {
      const begun = await turn('loses');
      const wire = open({ config: { ...config, connectTimeout: 600 } });
      const { message } = await within(fails(wire.opened, 'ETIMEDOUT'), 'the deadline');
      assert.match(message, /proxy/);
      return { ms: performance.now() - begun };
    },
  ),
];
