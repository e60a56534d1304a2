/** Sequences that have failed once, because of a defect; minimal as the model had shrunk them. They are performed before others. */

/** @typedef {import('./sequences.mjs').Sequence} Sequence */

/** @param {Partial<Sequence>} members @returns {Sequence} */
const sequence = (members) => ({
  ...{
    way: 'off',
    tls: 'TLSv1.3',
    handshake: 'completes',
    refused: false,
    halfOpen: false,
    highWaterMark: -1,
    steps: [],
  },
  ...{ finale: 'close', ...members },
});

const machine = [
  // A chunk whose byteLength is no number errored the stream without a word to the socket.
  sequence({ steps: [{ do: 'invalid', which: 'nan' }] }),
  sequence({ steps: [{ do: 'invalid', which: 'negative' }] }),
  // What a BYOB reader had left in the stream was delivered after close().
  sequence({ steps: [{ do: 'read' }, { do: 'byob', size: 1 }, { do: 'data', size: 16_383 }] }),
  // The same after the signal, and then an end as if that had been all.
  sequence({
    steps: [
      { do: 'data', size: 16_383 },
      { do: 'read' },
      { do: 'byob', size: 1 },
      { do: 'turns', times: 1 },
      { do: 'fin' },
    ],
    finale: 'signal',
  }),
  // Sockets that nobody has, and for which nothing is pending, were not collected.
  sequence({ steps: [{ do: 'read' }, { do: 'release' }], finale: 'drop' }),
  sequence({ steps: [{ do: 'byob', size: 1 }, { do: 'quiet' }, { do: 'cancel' }], finale: 'drop' }),
  // A write behind writer.close() counted as queued for ever.
  sequence({
    way: 'starttls',
    steps: [
      { do: 'write', size: 0 },
      { do: 'writerClose' },
      { do: 'write', size: 262_144 },
      { do: 'startTls' },
    ],
  }),
];

/** By what they are sequences of. @type {Record<string, any[]>} */
export const found = { machine };
