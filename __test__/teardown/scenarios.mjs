/** The rows of the matrix: who ends how, at what, and what has to be seen of that. */
import { EXIT_CODE, THROWN } from './endings.mjs';

/**
 * @typedef {import('./workers.mjs').Plan} Plan
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} ends What is expected, in words.
 * @property {(round: number) => Plan[]} [workers] Workers that run one after the other; the process ends by itself afterwards.
 * @property {boolean} [together] At the same time.
 * @property {boolean} [alone] Whether the main thread does not load the addon.
 * @property {number} [addons] That are loaded. Default 1.
 * @property {boolean} [warm] Whether the first of them runs before anything is counted.
 * @property {(round: number) => Plan} [main] What the main thread does, and how it ends.
 * @property {(round: number) => Plan[]} [beside] Workers that are at work when the main thread ends.
 * @property {number | null} [code] Of the process. Default 0.
 * @property {string | null} [signal] @property {RegExp} [stderr] Default: nothing.
 * @property {boolean} [deaf] Whether look-ups of names get no answer: not run where that is not possible.
 */

/** All that a worker may end by. */
const ALL = ['terminate', 'exit', 'throw', 'reject', 'return'];
/** `count` of `all`, others each round. */
const some = (all, round, count) =>
  Array.from({ length: count }, (_, index) => all[(round * count + index) % all.length]);

const each =
  (endings, plan, count = 2) =>
  (round) =>
    some(endings, round, count).map((ending) => ({ program: 'work', ending, ...plan }));

/** A row whose workers end in all ways while they do something. */
const workersAt = (name, activities) => ({
  name: `workers, ${name}`,
  ends: 'each as told, the process goes on',
  workers: each(ALL, { activities }),
});

/** `count` callbacks, others each round. */
const callbacks = (how, count) => (round) =>
  Array.from({ length: count }, (_, index) => ({
    program: 'callback',
    ending: how,
    turn: round * count + index,
  }));

const uncaught = new RegExp(`^[^]*Error: ${THROWN}\\n[^]*$`);

/** A row in which the main thread ends. */
const processAt = (name, ends, ending, more = {}) => ({
  name: `the process, ${name}`,
  ends,
  main: () => ({ program: 'work', ending }),
  ...more,
});

/** @type {readonly Scenario[]} */
export const scenarios = [
  workersAt('idle', ['idle']),
  workersAt('reading', ['reading']),
  workersAt('writing', ['writing']),
  workersAt('connecting', ['connecting', 'names']),
  workersAt('in handshakes, startTls()', ['handshaking']),
  workersAt('closing', ['closing']),
  workersAt('through proxies', ['proxied']),
  workersAt('duplexes', ['duplex']),
  {
    name: 'workers, many that start and end at the same time',
    ends: 'each as told, the process goes on',
    workers: (round) =>
      Array.from({ length: 5 }, (_, index) => ({
        program: 'work',
        ending: ALL[(round + index) % ALL.length],
        activities: [['reading'], ['writing', 'connecting'], ['idle', 'handshaking', 'names']][index % 3],
      })),
    together: true,
  },
  {
    name: 'workers, terminated at any moment',
    ends: 'terminated, the process goes on',
    workers: (round) =>
      Array.from({ length: 8 }, (_, index) => ({
        program: 'connecting',
        ending: 'terminate',
        after: ((round * 7 + index * 13) % 100) * 2,
      })),
    together: true,
  },
  {
    name: 'workers, that load the addon and end at once',
    ends: 'each as told, the process goes on',
    workers: each(['exit', 'throw', 'return', 'reject'], { program: 'nothing', atOnce: true }, 4),
    together: true,
  },
  {
    name: 'workers, in createBinding()',
    ends: 'each as told, the process goes on',
    workers: each(['terminate', 'exit', 'throw'], { program: 'parsing' }),
  },
  {
    name: 'workers, out of memory',
    ends: 'ERR_WORKER_OUT_OF_MEMORY, the process goes on',
    workers: () => [
      {
        program: 'memory',
        activities: ['reading', 'writing', 'idle'],
        resourceLimits: { maxOldGenerationSizeMb: 24 },
      },
    ],
  },
  {
    name: 'workers, process.exit() in callbacks',
    ends: `exit code ${EXIT_CODE}, the process goes on`,
    workers: callbacks('exit', 4),
  },
  {
    name: 'workers, errors thrown in callbacks',
    ends: 'the error, the process goes on',
    workers: callbacks('throw', 4),
  },
  {
    name: 'workers, in a callback that never returns',
    ends: 'terminated, the process goes on',
    workers: (round) =>
      some(['promise', 'duplex', 'resolve', 'waits'], round, 2).map((kind) => ({
        program: 'busy',
        ending: 'terminate',
        kind,
      })),
  },
  {
    name: 'workers, sockets used in exit handlers',
    ends: 'each as told, the process goes on',
    workers: each(['exit', 'throw', 'return'], { program: 'handlers' }),
  },
  {
    name: 'workers, several copies of the package, of the addon, and contexts',
    ends: 'each as told, the process goes on',
    workers: each(['terminate', 'exit', 'return'], { program: 'copies' }),
    addons: 2,
    warm: true,
  },
  {
    name: 'workers, that alone have loaded the addon',
    ends: 'each as told, the process goes on',
    workers: each(['terminate', 'exit', 'throw', 'return'], { activities: ['idle', 'names'] }),
    alone: true,
    warm: true,
  },
  {
    name: 'workers, sockets that are collected',
    ends: 'each as told, the process goes on',
    workers: each(['terminate', 'exit', 'return'], { program: 'collected' }),
  },
  {
    name: 'workers, with workers of their own',
    ends: 'each as told, the process goes on',
    workers: each(['terminate', 'exit', 'throw'], { program: 'nested' }, 1),
  },
  processAt('process.exit()', `exit code ${EXIT_CODE}`, 'exit', { code: EXIT_CODE }),
  processAt('an uncaught error', 'exit code 1, the error', 'throw', { code: 1, stderr: uncaught }),
  processAt('an unhandled rejection', 'exit code 1, the error', 'reject', { code: 1, stderr: uncaught }),
  processAt('SIGTERM', 'SIGTERM', 'signal', { code: null, signal: 'SIGTERM' }),
  processAt('sockets without ref()', 'exit code 0', 'return'),
  processAt('close() of all sockets', 'exit code 0', 'close'),
  processAt('process.exit() in a callback', `exit code ${EXIT_CODE}`, 'exit', {
    code: EXIT_CODE,
    main: (round) => callbacks('exit', 1)(round)[0],
  }),
  processAt('errors in callbacks, caught', `exit code ${EXIT_CODE}`, 'exit', {
    code: EXIT_CODE,
    main: (round) => ({ program: 'caught', ending: 'exit', turn: round * 4 }),
  }),
  processAt('sockets used in beforeExit and exit handlers', 'exit code 0, or as told', 'return', {
    main: () => ({ program: 'handlers', ending: 'return' }),
  }),
  processAt('process.exit() at once', `exit code ${EXIT_CODE}`, 'exit', {
    code: EXIT_CODE,
    main: () => ({ program: 'connecting', ending: 'exit', atOnce: true }),
  }),
  processAt('sockets that are collected', 'exit code 0', 'return', {
    main: () => ({ program: 'collected', ending: 'return' }),
  }),
  processAt('workers at work', `exit code ${EXIT_CODE}`, 'exit', {
    code: EXIT_CODE,
    main: () => ({ program: 'work', ending: 'exit', activities: ['reading'] }),
    beside: (round) => [
      {
        program: 'work',
        activities: [
          ['reading', 'writing'],
          ['proxied', 'duplex'],
        ][round % 2],
      },
      { program: 'work', activities: ['idle', 'closing', 'connecting', 'handshaking'] },
      { program: 'nested' },
    ],
  }),
  processAt('workers at work, an uncaught error', 'exit code 1, the error', 'throw', {
    code: 1,
    stderr: uncaught,
    main: () => ({ program: 'work', ending: 'throw', activities: ['writing'] }),
    beside: () => [{ program: 'connecting' }, { program: 'work', activities: ['reading', 'closing'] }],
  }),
  processAt('workers at work, without ref()', 'exit code 0', 'return', {
    main: () => ({ program: 'work', ending: 'return', activities: ['idle'] }),
    beside: () => [{ program: 'work', activities: ['reading', 'handshaking'] }, { program: 'connecting' }],
  }),
  processAt('with a child that goes on', `exit code ${EXIT_CODE}`, 'exit', {
    code: EXIT_CODE,
    main: () => ({ program: 'children', ending: 'exit' }),
  }),
  processAt('names that nobody answers', `exit code ${EXIT_CODE}, or 0`, 'exit', {
    main: (round) => ({ program: 'unanswered', ending: ['return', 'close'][round % 2] }),
    deaf: true,
  }),
];

/** How a worker ends: its exit code and error, by what ends it. */
const ENDINGS = {
  // 0 if it had not begun.
  terminate: /^[01]$/,
  exit: new RegExp(`^${EXIT_CODE}$`),
  throw: new RegExp(`^1 ${THROWN}$`),
  reject: new RegExp(`^1 ${THROWN}$`),
  return: /^0$/,
  memory: /^1 ERR_WORKER_OUT_OF_MEMORY$/,
};

/** @param {Plan[]} plans */
export const expectedEndings = (plans) => plans.map(({ ending = 'memory' }) => ENDINGS[ending]);
