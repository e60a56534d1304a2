import { connecting, later } from './frame.mjs';

/** Host and port of either kind of address, as a careless implementation reads them. */
const parts = (address) => {
  if (typeof address === 'object' && address !== null) return [address.hostname, address.port];
  const text = String(address);
  const colon = text.lastIndexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
};

/** @type {import('./frame.mjs').Defect[]} */
export const addresses = [
  {
    name: 'strings-through-url',
    says: 'A string is taken apart by the URL parser, with "http:" before it.',
    tries: ['address.string'],
    apply: connecting((connect, address, options) => {
      if (typeof address !== 'string') return connect(address, options);
      const { hostname, port } = new URL(`http://${address.replace(/^\w+:\/\//, '')}`);
      return connect({ hostname, port: port === '' ? 8080 : Number(port) }, options);
    }),
  },
  {
    name: 'special-ports-missed',
    says: 'A string goes through a URL parser that drops the default port, which then is missing.',
    tries: ['address.string.default-ports'],
    apply: connecting((connect, address, options) => {
      const schemes = ['http', 'https', 'ftp'];
      const dropped = schemes.some((scheme) => new URL(`${scheme}://${address}`).port === '');
      if (dropped) throw new TypeError('the port is missing');
      return connect(address, options);
    }),
  },
  {
    name: 'first-colon',
    says: 'A string is split at each colon; the first part is the host, the second the port, converted by Number().',
    tries: ['address.string', 'connect.ipv6'],
    apply: connecting((connect, address, options) => {
      if (typeof address !== 'string') return connect(address, options);
      const [hostname, port] = address.split(':');
      return connect({ hostname: hostname || 'localhost', port: Number.parseFloat(port) || 8080 }, options);
    }),
  },
  {
    name: 'last-colon',
    says: 'A string is split at the last colon and brackets are thrown away.',
    tries: ['address.string'],
    apply: connecting((connect, address, options) => {
      if (typeof address !== 'string') return connect(address, options);
      const [hostname, port] = parts(address);
      return connect({ hostname: hostname.replace(/[[\]]/g, ''), port: Number(port) }, options);
    }),
  },
  {
    name: 'cleaned-hosts',
    says: 'What does not belong into a host is thrown away, and what is too long is cut off.',
    tries: ['address.string', 'address.object.hostname', 'address.object.string-object'],
    apply: connecting((connect, address, options) => {
      const [hostname, port] = parts(address instanceof String ? String(address) : address);
      const clean = String(hostname)
        .replace(/^.*[/@]|[^\w.:-]/g, '')
        .replace(/:\d+$/, '')
        .slice(0, 200);
      return connect({ hostname: clean, port: String(port).replace(/\D/g, '') }, options);
    }),
  },
  {
    name: 'guessed-addresses',
    says: 'What an address lacks is guessed: localhost, port 8080; a number is a port.',
    tries: ['address.', 'idl.connect-no-arguments'],
    apply: connecting((connect, address, options) => {
      if (typeof address === 'number' || typeof address === 'bigint' || address === true) {
        return connect({ hostname: 'localhost', port: Number(address) }, options);
      }
      if (typeof address === 'string') return connect(address.replace(/^$|^:/, 'localhost:'), options);
      return connect({ hostname: address?.hostname || 'localhost', port: address?.port ?? 8080 }, options);
    }),
  },
  {
    name: 'symbols-as-addresses',
    says: 'A symbol is an address by its description, a BigInt a port.',
    tries: [
      'address.string.symbol',
      'address.object.port-symbol',
      'address.object.port-bigint',
      'address.object.hostname-conv',
    ],
    apply: connecting((connect, address, options) => {
      const plain = (value) => (typeof value === 'symbol' ? value.description : value);
      if (typeof address !== 'object') return connect(plain(address), options);
      const { hostname, port } = address;
      return connect({ hostname: plain(hostname), port: Number(plain(port)) }, options);
    }),
  },
  {
    name: 'port-wraps',
    says: 'A port is taken modulo 65536.',
    tries: ['address.string.port', 'address.object.port'],
    apply: connecting((connect, address, options) => {
      const [hostname, port] = parts(address);
      return connect({ hostname, port: ((Number(port) % 65536) + 65536) % 65536 }, options);
    }),
  },
  {
    name: 'port-clamped',
    says: 'A port is brought into the range from 1 to 65535.',
    tries: ['address.string.port', 'address.object.port'],
    apply: connecting((connect, address, options) => {
      const [hostname, port] = parts(address);
      const number = Number.parseInt(port, 10) || Math.sign(Number(port)) * 65536 || 1;
      return connect({ hostname, port: Math.min(Math.max(number, 1), 65535) }, options);
    }),
  },
  {
    name: 'port-numbers-only',
    says: 'A port has to be a number without a fraction: nothing is converted.',
    tries: ['address.object.port'],
    apply: connecting((connect, address, options) => {
      const { port } = Object(address);
      if (port !== undefined && !Number.isInteger(port)) throw new TypeError('the port must be an integer');
      return connect(address, options);
    }),
  },
  {
    name: 'hostname-strings-only',
    says: 'A hostname has to be a string in small letters without brackets: nothing is converted.',
    tries: [
      'address.object',
      'address.string.case',
      'address.string.ipv6-brackets',
      'opened.remote-address-ipv6',
    ],
    apply: connecting((connect, address, options) => {
      const [hostname] = parts(address);
      if (typeof hostname !== 'string' || /[A-Z[]/.test(hostname)) throw new TypeError('no such host');
      return connect(address, options);
    }),
  },
  {
    name: 'dictionaries-refused',
    says: 'Only strings are addresses.',
    tries: ['address.object.hostname-port', 'address.object.ipv6', 'connect.string-or-dictionary'],
    apply: connecting((connect, address, options) => {
      if (typeof address === 'object') throw new TypeError('the address must be a string');
      return connect(address, options);
    }),
  },
  {
    name: 'strings-refused',
    says: 'Only dictionaries are addresses.',
    tries: [
      'address.string.host-port',
      'address.string.throws-at-once',
      'connect.string-or-dictionary',
      'idl.connect-this',
    ],
    apply: connecting((connect, address, options) => {
      if (typeof address !== 'object') throw new Error('the address must be an object');
      return connect(address, options);
    }),
  },
  {
    name: 'addresses-own-members',
    says: 'Only own members of an address are read, and unknown ones are refused.',
    tries: ['address.object'],
    apply: connecting((connect, address, options) => {
      if (typeof address !== 'object') return connect(address, options);
      const { hostname, port, ...unknown } = { ...address };
      if (Object.keys(unknown).length) throw new TypeError('an unknown member');
      return connect({ hostname, port }, options);
    }),
  },
  {
    name: 'addresses-read-twice',
    says: 'An address is checked first and read again afterwards; what a getter throws is wrapped.',
    tries: ['address.object'],
    apply: connecting((connect, address, options, { SocketError }) => {
      try {
        if (Object(address).port === undefined && typeof address === 'object') throw new TypeError('no port');
      } catch (error) {
        throw new SocketError(error.message);
      }
      return connect(address, options);
    }),
  },
  {
    name: 'ipv4-only',
    says: 'IPv6 addresses are refused.',
    tries: [
      'address.string.ipv6',
      'address.object.ipv6',
      'connect.ipv6',
      'opened',
      'certificate.ip-address-ipv6',
    ],
    apply: connecting((connect, address, options) => {
      if (String(Object(address).hostname ?? address).includes('::'))
        throw new TypeError('IPv6 is not supported');
      return connect(address, options);
    }),
  },
  {
    name: 'first-family-only',
    says: 'A name is resolved to its IPv6 address only, and tried nowhere else.',
    tries: ['connect.by-name', 'address.string.case', 'opened.remote-address-as-asked'],
    apply: connecting((connect, address, options) =>
      connect(
        typeof address === 'string'
          ? address.replace(/^localhost:/i, '[::1]:')
          : { ...address, hostname: '::1' },
        options,
      ),
    ),
  },
  {
    name: 'late-reading',
    says: 'The address is read a turn after connect(), and nothing is dialled if it is wrong.',
    tries: ['address.object.copied', 'address.string.throws-at-once', 'address.object.getter-throws'],
    apply: connecting((connect, address, options) => {
      const opened = later(0).then(() => connect(address, options).opened);
      opened.catch(() => {});
      return { opened, close: () => opened.then(() => {}) };
    }),
  },
];
