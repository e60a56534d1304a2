/** How connections begin, or do not, over a line that loses just the wrong packets, or leads nowhere. */
import assert from 'node:assert/strict';
import { addresses } from '../line.mjs';
import { echo, endsWell, endsWith, fails } from './serving.mjs';

const ours = ['connect()', 'wintersock/node'];
const { v4, v6, black4, black6 } = addresses;

/** That it works: a few bytes there and back, and the end. */
async function greets(wire, within) {
  await within(wire.opened, 'opened');
  await within(wire.write(Buffer.from('hello')), 'a write');
  assert.equal(String(await within(wire.read(), 'the answer')), 'hello');
  await within(wire.close(), 'close()');
  await within(endsWell(wire), 'the end');
}

/** A workload in which packets of a kind are lost, and sent again by the system. */
function loses(name, rules, quick) {
  return {
    name,
    says: 'the system sends again, and it is open',
    on: ['far'],
    quick,
    turns: { loses: { line: () => [`drop ${rules}`] } },
    serve: echo,
    async run({ open, turn, within }) {
      await turn('loses');
      const begun = performance.now();
      const wire = open();
      await within(wire.opened, 'opened');
      const ms = performance.now() - begun;
      await greets(wire, within);
      return { ms };
    },
  };
}

/** The connect race with such addresses. */
function races(name, hosts, quick) {
  return {
    name,
    says: `${hosts.join(', ')}: the one that answers wins`,
    // `attemptDelay`, for each that does not answer.
    promises: 250 * (hosts.length - 1),
    on: ['far'],
    quick,
    serve: echo,
    async run({ open, within }) {
      const begun = performance.now();
      const wire = open({ host: 'line.test', hosts });
      await within(wire.opened, 'opened');
      const ms = performance.now() - begun;
      await greets(wire, within);
      return { ms };
    },
  };
}

/** What a router says of the way, and what becomes of it for the addresses of each family. */
const answers = {
  host: ['EHOSTUNREACH', 'EHOSTUNREACH'],
  network: ['ENETUNREACH', 'ENETUNREACH'],
  port: ['ECONNREFUSED', 'ECONNREFUSED'],
  forbidden: ['EHOSTUNREACH', 'EACCES'],
};

export const reaches = [
  loses('the first SYN is lost', 'up syn 1', ['far']),
  loses('the first SYN-ACK is lost', 'down syn-ack 1', []),
  loses('the first data is lost', 'up data 1 down data 1', []),
  races('a dead IPv4 address first', [black4, v4], ['far']),
  races('a dead IPv6 address first', [black6, v4], []),
  races('two dead addresses first', [black6, black4, v6], ['far']),
  races('no way to the first address', ['fd99::1', '10.99.0.1', v6], []),
  {
    name: 'no way there',
    says: 'no route, in either family: ENETUNREACH',
    on: ['good'],
    quick: ['good'],
    serve: echo,
    async run({ open, within }) {
      for (const host of ['10.99.0.1', 'fd99::1'])
        await within(fails(open({ host }).opened, 'ENETUNREACH'), host);
    },
  },
  {
    name: 'a router refuses',
    says: Object.entries(answers)
      .map(([why, codes]) => `${why}: ${[...new Set(codes)].join(', IPv6 ')}`)
      .join('; '),
    on: ['far'],
    quick: ['far'],
    turns: Object.fromEntries(Object.keys(answers).map((why) => [why, { line: () => [`refuse up ${why}`] }])),
    serve: echo,
    async run({ open, turn, within }) {
      for (const [why, codes] of Object.entries(answers)) {
        await turn(why);
        for (const [index, host] of [v4, v6].entries()) {
          const wire = open({ host });
          await within(fails(wire.opened, codes[index]), `${why}, ${host}`);
          await within(endsWith(wire, codes[index]), 'the end');
        }
      }
    },
  },
  {
    name: 'nobody answers',
    says: '`connectTimeout` of 600 ms: ETIMEDOUT; a signal: its reason; close(): at once',
    promises: 600,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    serve: echo,
    async run({ open, within, api }) {
      const timeout = async () => {
        const wire = open({ host: black4, config: { connectTimeout: 600 } });
        await fails(wire.opened, 'ETIMEDOUT');
      };
      const several = async () => {
        const hosts = [black6, black4];
        await fails(open({ host: 'line.test', hosts, config: { connectTimeout: 600 } }).opened, 'ETIMEDOUT');
      };
      const signal = async () => {
        const wire = open({ host: black4, signal: AbortSignal.timeout(600) });
        const { name, code } = await wire.opened.then(assert.fail, (error) => error);
        if (api === 'connect()') assert.equal(name, 'TimeoutError');
        else assert.equal(code, 'ABORT_ERR');
      };
      const close = async () => {
        const wire = open({ host: black6 });
        const failed =
          api === 'connect()'
            ? fails(wire.opened, 'ERR_SOCKET_CLOSED')
            : wire.opened.then(assert.fail, () => {});
        await wire.giveUp();
        await failed;
      };
      await within(Promise.all([timeout(), several(), signal(), close()]), 'all four');
    },
  },
  {
    name: 'nobody answers, and nobody set a time',
    says: 'the system gives up (here after three seconds): ETIMEDOUT',
    on: ['far'],
    quick: ['far'],
    impatient: true,
    serve: echo,
    async run({ open, within }) {
      await within(
        Promise.all([black4, black6].map((host) => fails(open({ host }).opened, 'ETIMEDOUT'))),
        'both',
      );
    },
  },
  {
    name: 'a handshake that nobody answers',
    says: 'TCP is there, TLS’s first message is lost for good: ETIMEDOUT after `connectTimeout` (600 ms), in the handshake',
    promises: 600,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    securities: ['on'],
    turns: { loses: { line: () => ['drop up data 999'] } },
    serve: echo,
    async run({ open, turn, within }) {
      const begun = await turn('loses');
      const wire = open({ config: { connectTimeout: 600 } });
      const { message } = await within(fails(wire.opened, 'ETIMEDOUT'), 'the deadline');
      assert.match(message, /in the TLS handshake/);
      await within(wire.ended, 'the end');
      return { ms: performance.now() - begun };
    },
  },
];
