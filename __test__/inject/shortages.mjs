/** What a process can run out of, for real: with the addon as it is published. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { slowness } from '../fixtures/environment.mjs';
import { Program } from './program.mjs';

const program = fileURLToPath(new URL('short.mjs', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Nobody's: no other process counts towards its limits. */
const NOBODY = 61_234;

/** @typedef {import('./shortages.d.mts').Shortage} Shortage */

export class Short extends Program {
  #places;

  /** @param {{ node?: string | undefined, io?: string | undefined, places: import('./peers.mjs').Places, inside?: readonly string[] | undefined }} options */
  constructor({ node = process.execPath, io, places, inside }) {
    const [command = node, ...args] = inside === undefined ? [] : [...inside, node];
    super(program, { root, node: command, args, env: io === undefined ? {} : { WINTERSOCK_IO: io } });
    this.#places = places;
  }

  /** @param {'connect' | 'fill' | 'free' | 'become' | 'exhaust' | 'state' | 'serve' | 'stop' | 'ports' | 'keep' | 'talk' | 'leave'} step @param {object} [asked] */
  async does(step, asked = {}) {
    const { answer } = await this.ask({ step, places: this.#places, ...asked });
    return answer;
  }

  /** Sets a limit of the system that can be raised again, as prlimit does: `--nofile=100:`. @param {string} limit @param {number} [uid] Whose it is. */
  limit(limit, uid = process.getuid?.()) {
    // Only whoever the process is may.
    const as = uid === undefined || uid === process.getuid?.() ? {} : { uid, gid: uid };
    execFileSync('prlimit', ['--pid', String(this.pid), limit], as);
  }
}

const REMEDY = {
  EMFILE: /too many files open; close sockets .*ulimit -n/,
  EADDRNOTAVAIL: /no free port.*close sockets/,
  EADDRINUSE: /no free port.*close sockets/,
  EAGAIN: /no more threads; end some, or raise the limit .*ulimit -u/,
};

/**
 * @param {import('./short.mjs').Outcome[]} outcomes @param {keyof typeof REMEDY} [code] What is allowed besides success.
 * @param {readonly string[]} [open] Ways that have to be open all the same.
 */
function judge(when, outcomes, code, open = []) {
  return outcomes.flatMap((outcome) => {
    if (outcome.code === undefined) return [];
    const { name, message = '', kind } = outcome;
    const fits =
      code === outcome.code && kind === 'SocketError' && REMEDY[code].test(message) && !open.includes(name);
    return fits ? [] : [`${when}, ${name}: ${kind} ${outcome.code}: ${message}`];
  });
}

/** @param {Short} short @param {number} before @param {object} [asked] How it connects afterwards. */
async function rest(short, before, asked = {}) {
  const wrong = judge('afterwards', await short.does('connect', asked));
  /** @type {{ sockets: number, uncaught: string[] }} */
  let state = await short.does('state');
  for (let waits = 0; state.sockets > before && waits < 200 * slowness; waits += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    state = await short.does('state');
  }
  if (state.sockets > before) wrong.push(`${state.sockets - before} sockets are left`);
  wrong.push(...state.uncaught);
  const { printed } = short;
  if (printed !== '') wrong.push(`it printed: ${printed}`);
  return wrong;
}

const linux = process.platform === 'linux' ? false : 'Linux only';
const prlimit = linux || (runs('prlimit', ['--version']) ? false : 'skipped: install prlimit (util-linux)');

/** Enters a network of its own: as root, or where whoever it is may be root of a user namespace. */
const networks = [
  ['unshare', '--net', '--'],
  ['unshare', '--map-root-user', '--net', '--'],
];
const setUp = 'ip link set lo up && echo 32768 60999 > /proc/sys/net/ipv4/ip_local_port_range';
const network = linux
  ? undefined
  : networks.find(([command = '', ...args]) => runs(command, [...args, 'sh', '-c', setUp]));
const noNetwork = linux || (network === undefined && whyNoNetwork());

function whyNoNetwork() {
  for (const [command, arg, from] of [
    ['unshare', '--version', 'util-linux'],
    ['ip', '-V', 'iproute2'],
  ])
    if (!runs(command, [arg])) return `skipped: install ${command} (${from})`;
  return 'a network namespace cannot be made or set up here';
}

/** @param {string} command @param {string[]} args */
function runs(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** @type {Shortage[]} */
export const shortages = [
  ...[true, false].map((early) => ({
    name: `no descriptors, ${early ? 'from the first connection on' : 'after other connections'}`,
    skip: prlimit,
    async run(/** @type {Short} */ short) {
      const { sockets } = await short.does('state');
      const wrong = early ? [] : judge('before', await short.does('connect'));
      short.limit('--nofile=200:');
      // With some left, it fails half-way.
      for (let spare = 0; spare <= 12; spare += 1) {
        await short.does('fill', { spare });
        const outcomes = await short.does('connect');
        wrong.push(...judge(`${spare} left`, outcomes, 'EMFILE'));
        if (spare === 0 && outcomes.some(({ code }) => code === undefined))
          wrong.push('some open without a descriptor');
        await short.does('free');
        if (!early) wrong.push(...judge(`after ${spare} left`, await short.does('connect')));
      }
      return [...wrong, ...(await rest(short, sockets))];
    },
  })),
  ...[
    { after: 'the start', names: [], without: ['by name', 'from an address', 'tls'] },
    // Their thread exists, but none for what blocks.
    {
      after: 'connections without names',
      names: ['from an address'],
      without: ['by name', 'duplex by name'],
    },
    { after: 'all kinds of connections', names: undefined, without: [] },
  ].map(({ after, names, without }) => ({
    name: `no threads after ${after}`,
    skip: prlimit,
    async run(/** @type {Short} */ short) {
      const { sockets } = await short.does('state');
      const wrong = judge('before', await short.does('connect', names && { names }));
      const uid = await short.does('become', { uid: NOBODY });
      short.limit('--nproc=1:', uid);
      const outcomes = await short.does('connect');
      wrong.push(...judge('meanwhile', outcomes, 'EAGAIN', names?.length === 1 ? names : []));
      for (const { name, code } of outcomes)
        if (code === undefined && without.includes(name)) wrong.push(`${name} is open without a thread`);
      short.limit('--nproc=4096:', uid);
      return [...wrong, ...(await rest(short, sockets))];
    },
  })),
  {
    name: 'no ports',
    skip: noNetwork,
    inside: network,
    async run(short) {
      const places = await short.does('serve');
      const { sockets } = await short.does('state');
      const wrong = judge('before', await short.does('connect', { places }));
      // The peers have theirs.
      await short.does('ports', { from: 20_000, to: 20_001 });
      await short.does('keep', { places, count: 2 });
      const names = ['plain', 'with a time limit', 'duplex'];
      const outcomes = await short.does('connect', { places, names });
      wrong.push(...judge('meanwhile', outcomes, 'EADDRNOTAVAIL'));
      // It takes its port before it connects.
      const bound = await short.does('connect', { places, names: ['from an address'] });
      wrong.push(...judge('meanwhile', bound, 'EADDRINUSE'));
      for (const { name, code } of [...outcomes, ...bound])
        if (code === undefined) wrong.push(`${name} is open without a port`);
      const said = await short.does('talk');
      if (said.join() !== 'hello,hello') wrong.push(`the others say ${said.join()}`);
      await short.does('ports', { from: 32_768, to: 60_999 });
      wrong.push(...judge('with the others', await short.does('connect', { places })));
      await short.does('leave');
      wrong.push(...(await rest(short, sockets, { places })));
      await short.does('stop');
      return wrong;
    },
  },
  {
    name: 'no memory in a worker',
    skip: linux,
    async run(short) {
      const { sockets } = await short.does('state');
      const wrong = judge('before', await short.does('connect', { names: ['plain', 'tls'] }));
      for (let count = 0; count < 3; count += 1) {
        const code = await short.does('exhaust');
        if (code !== 'ERR_WORKER_OUT_OF_MEMORY') wrong.push(`the worker ended with ${code}`);
      }
      return [...wrong, ...(await rest(short, sockets))];
    },
  },
];
