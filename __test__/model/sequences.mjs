/** Random sequences of what a user and a peer do with one connection. Plain data, so that they can be printed and performed again. */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';

/**
 * @typedef {{ do: string, old?: boolean, size?: number, which?: string, sizes?: number[], times?: number }} Step
 * @typedef {object} Sequence
 * @property {'off' | 'on' | 'starttls'} way
 * @property {'TLSv1.2' | 'TLSv1.3'} tls
 * @property {import('./peer.mjs').Handshake} handshake
 * @property {boolean} refused Nobody listens.
 * @property {boolean} halfOpen
 * @property {number} highWaterMark Negative: the default.
 * @property {Step[]} steps
 * @property {string} finale
 */

/** Bytes: nothing, the least, and both sides of what is cut somewhere on the way. */
export const sizes = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 2, 100) },
  { weight: 3, arbitrary: fc.constantFrom(16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537) },
  { weight: 1, arbitrary: fc.constantFrom(262_144, 1_048_575, 1_048_577) },
);

/** And more than the system takes from one who writes to a peer that does not read. */
export const written = fc.oneof(
  { weight: 12, arbitrary: sizes },
  { weight: 1, arbitrary: fc.constantFrom(3_000_000, 6_000_000) },
);

const byob = fc.constantFrom(1, 3, 1000, 16_384, 65_536, 100_000);
const reasons = fc.constantFrom('none', 'error', 'null', 'text');
const invalid = fc.constantFrom('number', 'object', 'null', 'undefined', 'negative', 'nan', 'detached');
const forms = fc.constantFrom('bytes', 'text', 'buffer', 'view', 'shared');

/** @param {string} name @param {Record<string, import('fast-check').Arbitrary<unknown>>} [members] */
export const step = (name, members = {}) => fc.record({ do: fc.constant(name), ...members });
/** @param {number} weight @param {import('fast-check').Arbitrary<unknown>} arbitrary */
export const often = (weight, arbitrary) => ({ weight, arbitrary });

/** What is mostly done to the new socket, and sometimes to the one on which startTls() was called. */
const old = fc.oneof(often(4, fc.constant(false)), often(1, fc.constant(true)));
/** @param {string} name @param {Record<string, import('fast-check').Arbitrary<unknown>>} [members] */
const own = (name, members = {}) => step(name, { old, ...members });

const user = fc.oneof(
  often(8, own('read')),
  often(4, own('byob', { size: byob })),
  often(2, own('drain')),
  often(2, own('release')),
  often(1, own('cancel')),
  often(1, own('tee')),
  often(1, own('pipe')),
  often(8, own('write', { size: written, which: forms })),
  often(1, own('write', { size: fc.constant(0), which: forms })),
  often(1, own('invalid', { which: invalid })),
  often(2, own('writerClose')),
  often(1, own('writerAbort')),
  often(2, own('writerRelease')),
  often(2, own('ready')),
  often(1, own('pipeIn', { sizes: fc.array(written, { maxLength: 4 }) })),
  often(2, own('close', { which: reasons })),
  often(1, step('signal', { which: reasons })),
  often(4, own('startTls')),
  often(1, own('unref')),
  often(1, own('ref')),
);

export const peer = fc.oneof(
  often(8, step('data', { size: sizes })),
  often(2, step('fin')),
  often(1, step('notify')),
  often(1, step('rst')),
  often(1, step('cut')),
  often(1, step('spoil')),
  often(2, step('stall')),
  often(2, step('unstall')),
);

export const pause = fc.oneof(
  often(2, step('microtasks', { times: fc.integer({ min: 1, max: 6 }) })),
  often(2, step('turns', { times: fc.integer({ min: 1, max: 4 }) })),
  often(4, step('quiet')),
);

const steps = fc.array(fc.oneof(often(5, user), often(3, peer), often(3, pause)), {
  maxLength: 16,
  size: 'max',
});

/** What the peer does with a handshake. */
export const handshakes = fc.oneof(
  often(12, fc.constant('completes')),
  often(1, fc.constant('silent')),
  often(1, fc.constant('garbage')),
  often(1, fc.constant('stranger')),
);

/** Sequences of connect() and its socket. @type {import('fast-check').Arbitrary<Sequence>} */
export const sequences = /** @type {any} */ (
  fc.record({
    way: fc.constantFrom('off', 'on', 'starttls', 'starttls'),
    tls: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
    handshake: handshakes,
    refused: fc.oneof(often(30, fc.constant(false)), often(1, fc.constant(true))),
    halfOpen: fc.boolean(),
    highWaterMark: fc.constantFrom(-1, -1, -1, 0, 1, 16_384),
    steps,
    finale: fc.constantFrom('close', 'close', 'fin', 'rst', 'signal', 'sides', 'drop'),
  })
);

/** Lets as much time pass as a step says, if that is all it says. @param {Step} step */
export async function pass(step) {
  for (let left = step.times ?? 0; left > 0; left -= 1) await (step.do === 'turns' ? turn() : undefined);
}

/** Whether it is all. @param {Step} step */
export const passes = (step) => step.do === 'turns' || step.do === 'microtasks';
