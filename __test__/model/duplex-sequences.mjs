/** Random sequences of what a user and a peer do with one socket of wintersock/node. */
import fc from 'fast-check';
import { handshakes, often, pause, peer, step, written } from './sequences.mjs';

const user = fc.oneof(
  often(8, step('write', { size: written })),
  often(1, step('write', { size: fc.constant(0) })),
  often(3, step('flow')),
  often(3, step('read', { size: fc.constantFrom(1, 3, 1000, 65_536) })),
  often(2, step('pause')),
  often(2, step('resume')),
  often(1, step('setEncoding')),
  often(2, step('unshift')),
  often(2, step('cork')),
  often(3, step('uncork')),
  often(3, step('end', { size: fc.constantFrom(0, 0, 1, 65_537) })),
  often(1, step('destroy', { which: fc.constantFrom('none', 'error') })),
  often(1, step('destroySoon')),
  often(1, step('resetAndDestroy')),
  often(4, step('startTls')),
  often(2, step('setTimeout', { size: fc.constantFrom(0, 1, 5, 1000) })),
  often(1, step('unref')),
  often(1, step('ref')),
);

const steps = fc.array(fc.oneof(often(5, user), often(3, peer), often(3, pause)), {
  maxLength: 16,
  size: 'max',
});

/**
 * @typedef {Omit<import('./sequences.mjs').Sequence, 'way'> & { secure: boolean }} DuplexSequence
 * @type {import('fast-check').Arbitrary<DuplexSequence>}
 */
export const duplexSequences = /** @type {any} */ (
  fc.record({
    secure: fc.oneof(often(3, fc.constant(false)), often(1, fc.constant(true))),
    tls: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
    handshake: handshakes,
    refused: fc.oneof(often(30, fc.constant(false)), often(1, fc.constant(true))),
    halfOpen: fc.boolean(),
    highWaterMark: fc.constantFrom(-1, -1, -1, 0, 1, 16_384, 1_000_000),
    steps,
    finale: fc.constantFrom('destroy', 'fin', 'fin', 'rst', 'end'),
  })
);

const flow = { do: 'flow' };
const unstall = { do: 'unstall' };

/** How a sequence ends. @type {Record<string, import('./sequences.mjs').Step[]>} */
export const finales = {
  destroy: [unstall, { do: 'destroy', which: 'error' }],
  fin: [unstall, { do: 'uncork' }, flow, { do: 'fin' }, { do: 'end' }],
  rst: [flow, { do: 'rst' }],
  end: [unstall, flow, { do: 'end' }, { do: 'fin' }],
};
