/** `allow` and `deny`, with what is connected to in every spelling. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Binding, type BindingConfig, createBinding, presets, SocketError } from 'wintersock';
import { everyWay, failureOf } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';

vi.setConfig({ testTimeout: 30_000 });

/** What is not refused after all has to fail in another way, and soon: most of these addresses answer nobody. */
const connectTimeout = 5_000;
const isWindows = process.platform === 'win32';
let peer: Peer;
/** On ::1, where the machine has IPv6. */
let sixth: Peer | undefined;

beforeAll(async () => {
  peer = await Peer.open();
  sixth = await Peer.open('::1').catch(() => undefined);
});
afterAll(() => Promise.all([peer?.close(), sixth?.close()]));

const accepted = () => peer.wires.length + (sixth?.wires.length ?? 0);
const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

function thrownBy(begin: () => unknown): SocketError {
  try {
    begin();
  } catch (error) {
    return error as SocketError;
  }
  throw new Error('nothing was thrown');
}

/** What is refused by host and port alone is thrown. The message, which is the same in whatever form the address is given. */
function refusal(binding: Binding, host: string, port: number): string {
  const messages = [`${bracketed(host)}:${port}`, { hostname: host, port }].map((address) => {
    const error = thrownBy(() => binding.connect(address).close());
    expect(error).toBeInstanceOf(SocketError);
    expect(error.code).toBe('ERR_ACCESS_DENIED');
    return error.message;
  });
  const [message = ''] = messages;
  expect(messages[1]).toBe(message);
  expect(message).toContain(`SocketError: connect ERR_ACCESS_DENIED ${bracketed(host)}:${port}`);
  return message;
}

/** Whether both forms of an address lead to a peer. */
async function reaches(binding: Binding, host: string, { port, wires }: Peer): Promise<void> {
  const before = wires.length;
  for (const address of [`${bracketed(host)}:${port}`, { hostname: host, port }]) {
    const socket = binding.connect(address);
    await socket.opened;
    await socket.close();
  }
  await vi.waitFor(() => expect(wires.length).toBe(before + 2), 10_000);
}

type Refused = { late?: boolean; secureTransport?: 'on' | 'off' | 'starttls' };

/** Spellings that lead to 127.0.0.1, and what the message says of them. */
const loopback: [host: string, is: string][] = [
  ['127.0.0.1', '127.0.0.1 is local (127.0.0.0/8)'],
  ['127.1', '127.0.0.1 is local'],
  ['127.0.1', '127.0.0.1 is local'],
  ['2130706433', '127.0.0.1 is local'],
  ['017700000001', '127.0.0.1 is local'],
  ['0X7F000001', '127.0.0.1 is local'],
  ['0177.0.0.1', '127.0.0.1 is local'],
  ['0x7f.0.0.1', '127.0.0.1 is local'],
  ['0x7f.1', '127.0.0.1 is local'],
  ['127.0.0x1', '127.0.0.1 is local'],
  ...(isWindows
    ? []
    : ([
        ['::ffff:127.0.0.1', '127.0.0.1 is local'],
        ['::FFFF:7f00:1', '127.0.0.1 is local'],
        ['0:0:0:0:0:ffff:127.0.0.1', '127.0.0.1 is local'],
        ['0.0.0.0', '0.0.0.0 is local (0.0.0.0/8)'],
        ['0', '0.0.0.0 is local'],
        ['0x0', '0.0.0.0 is local'],
        ['::ffff:0:0', '0.0.0.0 is local'],
      ] satisfies [string, string][])),
];

describe.each(loopback)('%s', (host, is) => {
  test('is let through by `local`, by its range, and without rules', async () => {
    for (const config of [{ allow: ['local'] }, { allow: ['127.0.0.0/8', '0.0.0.0'] }, {}]) {
      await reaches(createBinding({ connectTimeout, ...config }), host, peer);
    }
  });

  test('is refused by `local` in `deny`, by its range, and where `allow` is of others', async () => {
    const { port } = peer;
    const local = refusal(createBinding({ connectTimeout, deny: ['local'] }), host, port);
    expect(local).toContain(`\`deny\` has "local", and ${is}`);
    const deny = ['127.0.0.0/8', '0.0.0.0/8'];
    expect(refusal(createBinding({ connectTimeout, deny }), host, port)).toContain(`, and ${is}`);
    const others = refusal(createBinding({ connectTimeout, allow: ['public'] }), host, port);
    expect(others).toContain(`no rule of \`allow\` ("public") covers ${is.split(' ')[0]}`);
  });
});

/** Others that must not be dialled by who may connect to public addresses only. All that `private` covers says where. */
const inside: [host: string, is?: string][] = [
  ['127.0.0.1.', '127.0.0.1 is local'],
  ['127.255.255.254', '127.255.255.254 is local'],
  ['0.0.0.1', '0.0.0.1 is local'],
  ['::1', '::1 is local (::1/128)'],
  ['::', ':: is local (::/128)'],
  ['::127.0.0.1', '::7f00:1, which stands for 127.0.0.1, is local'],
  ['::ffff:0:127.0.0.1', 'which stands for 127.0.0.1, is local'],
  ['64:ff9b::127.0.0.1', '64:ff9b::7f00:1, which stands for 127.0.0.1, is local'],
  ['2002:7f00:1::', '2002:7f00:1::, which stands for 127.0.0.1, is local'],
  ['2001:0:7f00:1::1', 'which stands for 127.0.0.1, is local'],
  ['2001:0:808:808::80ff:fffe', 'which stands for 127.0.0.1, is local'],
  ['10.0.0.1', '10.0.0.1 is private (10.0.0.0/8)'],
  ['167772161', '10.0.0.1 is private'],
  ['012.1', '10.0.0.1 is private'],
  ['0xa000001', '10.0.0.1 is private'],
  ['::ffff:10.0.0.1', '10.0.0.1 is private'],
  ['64:ff9b::10.0.0.1', 'which stands for 10.0.0.1, is private'],
  ['64:ff9b:1::10.0.0.1', '64:ff9b:1::a00:1 is private (64:ff9b:1::/48)'],
  ['2002:a00:1::1', 'which stands for 10.0.0.1, is private'],
  ['2606:4700::5efe:10.0.0.1', 'which stands for 10.0.0.1, is private'],
  ['172.16.0.1', '172.16.0.1 is private'],
  ['192.168.1.1', '192.168.1.1 is private'],
  ['0300.0250.1.1', '192.168.1.1 is private'],
  ['100.64.0.1', '100.64.0.1 is private (100.64.0.0/10)'],
  ['169.254.169.254', '169.254.169.254 is private (169.254.0.0/16)'],
  ['2852039166', '169.254.169.254 is private'],
  ['::ffff:a9fe:a9fe', '169.254.169.254 is private'],
  ['2002:a9fe:a9fe::', 'which stands for 169.254.169.254, is private'],
  ['100.100.100.200', '100.100.100.200 is private'],
  ['168.63.129.16', '168.63.129.16 is private'],
  ['fd00:ec2::254', 'fd00:ec2::254 is private (fc00::/7)'],
  ['fc00::1', 'fc00::1 is private'],
  ['fe80::1', 'fe80::1 is private (fe80::/10)'],
  ['192.0.2.1'],
  ['198.18.0.1'],
  ['224.0.0.1'],
  ['255.255.255.255'],
  ['2001:db8::1'],
  ['fec0::1'],
  ['ff02::1'],
  ['::8.8.8.8'],
];

test.each(inside)('%s is not public', async (host, is) => {
  const port = sixth?.port ?? 9;
  const message = refusal(createBinding({ connectTimeout, allow: ['public'] }), host, port);
  expect(message).toContain('no rule of `allow` ("public") covers ');
  // What is neither is not refused by `private`, but nobody answers there.
  if (is === undefined) return;
  const closed = refusal(createBinding({ connectTimeout, deny: ['private'] }), host, port);
  expect(closed).toContain('`deny` has "private", and ');
  expect(closed).toContain(is);
});

test('::1 is let through by its own rules', async ({ skip }) => {
  if (sixth === undefined) return skip('no IPv6 here');
  for (const allow of ['::1', 'local', 'private', '[::1]', `[::/127]:${sixth.port}`]) {
    await reaches(createBinding({ connectTimeout, allow: [allow] }), '::1', sixth);
  }
});

test.each(['1.2.3.256', '1.2.3.4.5', '0x7f.0.0.0.1', '08.0.0.1', '4294967296', 'db.example.1', '127.0.0.0x'])(
  '%s is neither a name nor an address: refused where there are rules',
  async (host) => {
    const message = refusal(createBinding({ connectTimeout, deny: ['*:25'] }), host, peer.port);
    expect(message).toContain('is neither a host name nor an IP address');
  },
);

describe.each(everyWay)('with $name', ({ name, open }) => {
  /** The message of the refusal, which connect() throws if it is by host and port alone. */
  async function denied(config: BindingConfig, host: string, { late = false, ...options }: Refused = {}) {
    const before = accepted();
    const binding = createBinding({ connectTimeout, ...config });
    const throws = name === 'connect()' && !late;
    const begin = () => open(binding, host, options);
    const { code, message } = throws ? thrownBy(begin) : await failureOf(begin().opened);
    expect(code).toBe('ERR_ACCESS_DENIED');
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ERR_ACCESS_DENIED: 1 } });
    expect(accepted()).toBe(before);
    return message;
  }
  const lets = async (config: BindingConfig, host: string) => {
    const link = open(createBinding({ connectTimeout, ...config }), host);
    const port = Number((await link.opened).split(':').at(-1));
    // Not to be counted later, as one that was refused.
    await vi.waitFor(() => expect(peer.wires.map(({ tcp }) => tcp.remotePort)).toContain(port), 10_000);
    await link.close();
  };

  test('the narrower range wins, and `deny` wins a tie', async () => {
    const { address } = peer;
    await lets({ allow: ['127.0.0.0/8', '127.0.0.1'], deny: ['127.0.0.0/24'] }, address);
    await lets({ allow: ['127.0.0.1'], deny: ['local'] }, address);
    await lets({ allow: ['local'], deny: ['private'] }, address);
    expect(await denied({ allow: ['127.0.0.0/24'], deny: ['127.0.0.1/32'] }, address)).toContain(
      '"127.0.0.1/32"',
    );
    await denied({ allow: ['127.0.0.1'], deny: ['127.0.0.1'] }, address);
    await denied({ allow: ['private'], deny: ['local'] }, address);
    await denied({ allow: ['*'], deny: ['*'] }, address);
    await denied({ allow: [] }, address);
  });

  test('ports count', async () => {
    const { address, port } = peer;
    await lets({ allow: [`local:${port}`] }, address);
    await lets({ allow: [`127.0.0.0/8:${port - 1}-${port + 1}`] }, address);
    await lets({ allow: [`127.0.0.1:${port}`], deny: [`*:${port}`] }, address);
    await lets({ deny: [`*:1-${port - 1}`, `*:${port + 1}-65535`] }, address);
    expect(await denied({ deny: [`*:${port}`] }, address)).toContain(`\`deny\` has "*:${port}"`);
    expect(await denied({ allow: [`local:${port - 1}`] }, address)).toContain(
      `no rule of \`allow\` ("local:${port - 1}") covers port ${port} of 127.0.0.1`,
    );
    await denied({ allow: ['127.0.0.1'], deny: [`*:${port}`] }, address);
  });

  test('names are the same in any case and with a dot at the end, and are refused before they are looked up', async () => {
    const asked: string[] = [];
    const resolve = (name: string) => {
      asked.push(name);
      return ['127.0.0.1'];
    };
    const deny = ['Evil.example.', '*.corp.example'];
    for (const host of [
      'evil.example',
      'EVIL.Example',
      'evil.example.',
      'a.corp.example',
      'A.B.CORP.EXAMPLE.',
    ]) {
      expect(await denied({ deny, resolve }, `${host}:${peer.port}`)).toMatch(/`deny` has "(Evil|\*\.corp)/);
    }
    expect(asked).toEqual([]);
    for (const host of ['corp.example', 'notevil.example', 'evil.example.org']) {
      await lets({ deny, resolve }, `${host}:${peer.port}`);
    }
    const late = { allow: ['*.example'], deny: ['local'], resolve };
    expect(await denied(late, `db.example:${peer.port}`, { late: true })).toContain(
      `(127.0.0.1:${peer.port})`,
    );
    await lets({ allow: ['*.example'], resolve }, `db.example:${peer.port}`);
    await denied({ allow: ['*.example'], resolve }, `db.example.org:${peer.port}`);
    expect(asked).toHaveLength(5);
  });

  test('nothing is sent, with TLS or without', async () => {
    for (const secureTransport of ['on', 'starttls', 'off'] as const) {
      await denied({ deny: ['local'] }, peer.address, { secureTransport });
    }
  });
});

describe('presets', () => {
  test.each(['workerd', 'cloudflare'] as const)('%s: public addresses only', async (name) => {
    const binding = createBinding({ connectTimeout, ...presets[name] });
    for (const host of ['127.0.0.1', '10.0.0.1', '169.254.169.254', 'fd00::1']) {
      refusal(binding, host, peer.port);
    }
  });

  test('cloudflare: not port 25', async () => {
    expect(refusal(createBinding({ connectTimeout, ...presets.cloudflare }), '8.8.8.8', 25)).toContain(
      ':25"',
    );
    const deny = [...presets.cloudflare.deny];
    expect(refusal(createBinding({ connectTimeout, deny }), 'mail.example', 25)).toContain(':25"');
    await reaches(createBinding({ connectTimeout, deny }), '127.0.0.1', peer);
  });
});

describe('rules that cannot be used', () => {
  test.each([
    ['10.0.0.0/33', 'write a number from 0 to 32'],
    ['10.0.0.1/8', 'write 10.0.0.0/8, or 10.0.0.1 for it alone'],
    ['::/129', 'write a number from 0 to 128'],
    ['127.1', 'write the address as 127.0.0.1'],
    ['publik', 'write "public"'],
    ['https://db.example', 'leave out the scheme'],
    ['*:0', 'is no port'],
    ['*:90-80', 'write 80-90'],
    ['fd00::/8:80', 'after brackets'],
    ['unix:run', 'must begin with `/`'],
    ['bücher.example', 'punycode'],
    ['', 'it is empty'],
  ])('%s is named when the binding is made', (rule, advice) => {
    for (const list of ['allow', 'deny']) {
      const make = () => createBinding({ [list]: ['local', rule] });
      expect(make).toThrow(SocketError);
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
      expect(make).toThrow(`\`${list}[1]\` ${JSON.stringify(rule)}: `);
      expect(make).toThrow(advice);
    }
  });
});
