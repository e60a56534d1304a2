/** The matrix: which fault in which phase over which transport, and what has to come of it. */
import { firstFlight } from './handshake.mjs';
import * as faults from './injections.mjs';

/** As `secureTransport` has them. */
export const transports = [
  { name: 'off', kind: 'off' },
  { name: 'on, TLS 1.2', kind: 'on', version: 'TLSv1.2' },
  { name: 'on, TLS 1.3', kind: 'on', version: 'TLSv1.3' },
  { name: 'starttls, TLS 1.2', kind: 'starttls', version: 'TLSv1.2' },
  { name: 'starttls, TLS 1.3', kind: 'starttls', version: 'TLSv1.3' },
];

/** How a cell is to end. `code`: of `wintersock`. @typedef {{ how: 'fails' | 'breaks' | 'ends' | 'left', code?: string }} Verdict */

const fails = (code) => ({ how: 'fails', code });
const breaks = (code) => ({ how: 'breaks', code });
const ends = { how: 'ends' };
const PROTOCOL = 'ERR_TLS_PROTOCOL';
const ALERT = 'ERR_TLS_ALERT';
const ENDED = 'ERR_TLS_HANDSHAKE';
const thirteen = (one, other) => (version) => (version === 'TLSv1.3' ? one : other);
const only = (version, verdict) => (now) => (now === version ? verdict : undefined);

/** Of an open connection: those that are not in here are no TLS, `breaks(PROTOCOL)`. @type {Record<string, any>} */
const whenOpen = {
  reset: breaks('ECONNRESET'),
  'a proper end': ends,
  'FIN without close_notify': breaks('ERR_TLS_TRUNCATED'),
  'FIN within a record': breaks('ERR_TLS_TRUNCATED'),
  'FIN within the header of a record': breaks('ERR_TLS_TRUNCATED'),
  'reset within a record': breaks('ECONNRESET'),
  'one byte at a time': ends,
  // The type outside is not among what rustls has protected; what is inside is whole.
  'flipped bit: type of a record': thirteen(ends, breaks(PROTOCOL)),
  'a fatal alert': breaks(ALERT),
  // Whatever is heard of first.
  'a fatal alert, and a reset': breaks(/^(ERR_TLS_ALERT|ECONNRESET)$/),
  'a warning': ends,
  'close_notify, then more data': ends,
  'close_notify, then plain text': ends,
  'close_notify, and no FIN': ends,
  'close_notify, then a reset': ends,
  'empty records, a few': ends,
  'a request to renegotiate': only('TLSv1.2', ends),
  'requests to renegotiate, a flood': only('TLSv1.2', breaks(PROTOCOL)),
  KeyUpdate: only('TLSv1.3', ends),
  'KeyUpdate that wants one': only('TLSv1.3', ends),
  'KeyUpdate, a flood': only('TLSv1.3', breaks(PROTOCOL)),
  'KeyUpdate of no kind': only('TLSv1.3', breaks(PROTOCOL)),
  'session tickets, many': only('TLSv1.3', ends),
  'a record of no type': only('TLSv1.3', breaks(PROTOCOL)),
};
/** What can happen without TLS, too. */
const inPlain = ['reset', 'a proper end', 'one byte at a time'];

/** In a handshake: those that are not in here `fails(PROTOCOL)`. */
const inHandshake = {
  'one byte at a time': ends,
  'an alert in plain text': fails(ALERT),
  'an alert after ServerHello': fails(ALERT),
  'close_notify, and the signal': { how: 'abandoned', code: 'deadline' },
  'close_notify after ServerHello': only('TLSv1.3', fails(ALERT)),
  'close_notify and FIN': fails(ENDED),
  'FIN within ServerHello': fails(ENDED),
  'FIN within the certificate': fails(ENDED),
  'flipped bit: end of the certificate': thirteen(fails(PROTOCOL), fails('UNABLE_TO_VERIFY_LEAF_SIGNATURE')),
  'data before Finished': only('TLSv1.3', fails(PROTOCOL)),
  'no CertificateVerify': only('TLSv1.3', fails(PROTOCOL)),
  'no ServerKeyExchange': only('TLSv1.2', fails(PROTOCOL)),
  'ChangeCipherSpec and Finished at once': only('TLSv1.2', fails(PROTOCOL)),
  'a signature that does not fit': fails('CERT_SIGNATURE_FAILURE'),
};

const { 'silence, and connectTimeout': connectTimeout, ...others } = faults.silences;
const silentWhenOpen = others;
const { 'silence, and idleTimeout': _idle, ...silentBefore } = faults.silences;

/** What comes of silence. */
const silent = (name, opened) => {
  if (name.endsWith('the signal')) return { how: opened ? 'breaks' : 'abandoned', code: 'deadline' };
  if (name.endsWith('close()')) return { how: opened ? 'closed' : 'abandoned', code: 'ERR_SOCKET_CLOSED' };
  if (name.endsWith('setTimeout()')) return { how: opened ? 'breaks' : 'fails', code: 'deadline' };
  return opened ? breaks('ERR_IDLE_TIMEOUT') : fails('ETIMEDOUT');
};

/** Faults of a phase over a transport: name, what is done, and the verdict. */
function* faultsOf(phase, { kind, version }) {
  if (phase === 'connecting') {
    yield { name: 'refused', fault: { act: () => {}, to: 'closed' }, verdict: fails('ECONNREFUSED') };
    for (const [name, fault] of Object.entries(silentBefore)) {
      yield {
        name: name.replace('silence', 'a black hole'),
        fault: { ...fault, to: 'hole' },
        verdict: silent(name, false),
      };
    }
  } else if (phase === 'asked') {
    for (const name of ['reset', 'a proper end'])
      yield { name, fault: { act: faults.open[name] }, verdict: whenOpen[name] };
    yield { name: 'one byte at a time', fault: { act: faults.open['one byte at a time'] }, verdict: ends };
    for (const [name, fault] of Object.entries(silentWhenOpen))
      yield { name, fault, verdict: silent(name, true) };
    for (const [name, act] of Object.entries(faults.instead))
      yield { name, fault: { act, first: true }, verdict: fails(PROTOCOL) };
  } else if (phase === 'upgrading') {
    yield { name: 'reset', fault: { act: faults.open.reset }, verdict: fails('ECONNRESET') };
    for (const [name, fault] of Object.entries(silentWhenOpen)) {
      const how = name.endsWith('setTimeout()') ? 'fails' : 'abandoned';
      yield { name, fault, verdict: { how, code: silent(name, true).code } };
    }
  } else if (phase === 'handshake') {
    yield* ofHandshake(version);
  } else if (/^(half-open|ended)/.test(phase)) {
    yield { name: 'reset', fault: { act: faults.open.reset }, verdict: whenOpen.reset };
    for (const [name, fault] of Object.entries(silentWhenOpen))
      yield { name, fault, verdict: silent(name, true) };
  } else {
    for (const [name, act] of Object.entries(faults.open)) {
      if (kind === 'off' && !inPlain.includes(name)) continue;
      // What of the rest it overtakes, and whether a write hears of it first, is the system's matter.
      if (/^(streaming|writing|closing)$/.test(phase) && name === 'close_notify, then a reset') continue;
      // There is data that nobody has read, then.
      if (phase === 'idle' && name === 'a record twice') continue;
      const verdict = whenOpen[name] ?? breaks(PROTOCOL);
      const now = typeof verdict === 'function' ? verdict(version) : verdict;
      if (now) yield { name, fault: { act }, verdict: now };
    }
    for (const [name, fault] of Object.entries(silentWhenOpen))
      yield { name, fault, verdict: silent(name, true) };
  }
}

function* ofHandshake(version) {
  const stops = [
    ...firstFlight[version].filter((name) => name !== 'Finished'),
    ...(version === 'TLSv1.2' ? ['ChangeCipherSpec'] : []),
  ];
  for (const until of ['', ...stops]) {
    const after = until === '' ? 'at once' : `after ${until}`;
    const stopped = (then) => ({ ...then, act: faults.stops(until, then.act) });
    yield {
      name: `reset, ${after}`,
      fault: stopped({ act: faults.open.reset }),
      verdict: fails('ECONNRESET'),
    };
    yield {
      name: `FIN, ${after}`,
      fault: stopped({ act: ({ wire }) => void wire.tcp.end() }),
      verdict: fails(ENDED),
    };
    for (const [name, fault] of Object.entries(silentBefore)) {
      if (until !== '' && !name.endsWith('the signal')) continue;
      yield {
        name: until === '' ? name : `silence ${after}, and the signal`,
        fault: stopped(fault),
        verdict: silent(name, false),
      };
    }
  }
  for (const [name, act] of Object.entries(faults.handshake)) {
    const verdict = inHandshake[name] ?? fails(PROTOCOL);
    const now = typeof verdict === 'function' ? verdict(version) : verdict;
    if (now) yield { name, fault: { act }, verdict: now };
  }
}

/** As it is called in reports. */
export const titleOf = ({ phase, transport, name, api }) => `${phase} | ${transport.name} | ${api} | ${name}`;

/** Which phases a transport has. */
function has(phase, { kind }) {
  if (phase === 'asked' || phase === 'upgrading') return kind === 'starttls';
  if (phase === 'handshake') return kind !== 'off';
  return true;
}

const PHASES = [
  ...['connecting', 'asked', 'upgrading', 'handshake', 'idle', 'unread', 'reading', 'writing', 'streaming'],
  ...['half-open', 'half-open, writing', 'ended, writing', 'half-closed', 'closing', 'closed'],
];

/** Cells that there are not, and why. */
export const impossible = {
  setTimeout: ['`setTimeout()`, on streams', 'only a duplex has it; `idleTimeout` of a binding is both’s'],
  limits: ['`idleTimeout` and `connectTimeout`, on `node:net`', 'it has no such limits'],
  bound: ['`idleTimeout` after `close()`', '`close()` has a bound of its own, a second'],
  over: ['silence after the end of both sides', 'nothing is waited for'],
  flows: [
    'bytes in place of TLS before `startTls()`, on a duplex',
    'one that flows hands them out, in plain text; one that does not refuses `startTls()` (duplex-safety.test.ts)',
  ],
};

/** @returns {keyof typeof impossible | undefined} */
function lacks(api, phase, name) {
  if (name.endsWith('setTimeout()') && api === 'web') return 'setTimeout';
  if (name.endsWith('before startTls()') && api !== 'web') return 'flows';
  if (/(idle|connect)Timeout$/.test(name) && api === 'node') return 'limits';
  if (phase === 'closing' && api === 'web' && name.endsWith('idleTimeout')) return 'bound';
  if (phase === 'closed' && name.startsWith('silence')) return 'over';
  return undefined;
}

/** What no socket has, and why. */
export const excluded = [
  [
    'anything but a refused connection and silence while it connects',
    'nobody is there yet; what comes right after is a fault of the next phase',
  ],
  ['the plain dialogue of StartTLS, over `off` and `on`', 'they have none'],
  [
    'a handshake, and records, over `off` and before `startTls()`',
    'there are none: what came in their place would be data',
  ],
  ['KeyUpdate, session tickets and a record without a type, over TLS 1.2', 'TLS 1.2 has none'],
  [
    'a request to renegotiate, and ChangeCipherSpec in a handshake’s second half, over TLS 1.3',
    'TLS 1.3 has none; both are there as messages that have no place',
  ],
  [
    'faults in records after the peer’s own end',
    'what is behind it is not TLS any more: `close_notify, then more data`',
  ],
  ['`connectTimeout` while plain text is stuck before a handshake', 'it is for the handshake'],
  ['data that nobody has read, and an idle connection', 'one excludes the other'],
  [
    '`close_notify`, then a reset, where much is under way',
    'what the reset overtakes, and whether a read or a write hears of it first, is the system’s matter',
  ],
];

/** What a cell takes: time, because the peer is slow; much work, because megabytes are under way; neither. */
function paceOf(phase, name) {
  if (name === 'one byte at a time') return 'slow';
  return /upgrading|writing|streaming|closing/.test(phase) ? 'heavy' : 'light';
}

/** All cells. @param {readonly string[]} apis */
export function* cells(apis) {
  for (const phase of PHASES) {
    for (const transport of transports.filter((one) => has(phase, one))) {
      for (const { name, fault, verdict } of faultsOf(phase, transport)) {
        for (const api of apis) {
          if (lacks(api, phase, name) !== undefined) continue;
          yield { phase, transport, name, fault, api, verdict, pace: paceOf(phase, name) };
        }
      }
    }
  }
}
