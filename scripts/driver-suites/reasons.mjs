/** Why tests do not end as over node:net: what docs/drivers.md says of them. */

const workers = ['alias'];
const options = ['duplex'];

/** @type {readonly { suite: string, ways: readonly string[], test: RegExp, why: string }[]} */
export const reasons = [
  {
    suite: 'pg',
    ways: workers,
    test: /connection-timeout-tests\.js: expired connection timeout/,
    why: "pg-cloudflare's `destroy(error)` drops the error, so that pg says that the connection has ended, not that it was too late.",
  },
  {
    suite: 'pg',
    ways: workers,
    test: /quick-disconnect-tests\.js/,
    why: 'pg-cloudflare forgets an `end()` that comes before it has imported `cloudflare:sockets`; the connection is then made, and stays.',
  },
  {
    suite: 'pg',
    ways: workers,
    test: /direct SSL negotiation/,
    why: 'pg-cloudflare waits for an answer in plain text before it upgrades. Direct negotiation has none, and the read that it gives up becomes an error.',
  },
  {
    suite: 'pg',
    ways: workers,
    test: /self-signed cert error/,
    why: 'Nothing turns the verification off on this way, so the authority is trusted here for the tests that want it off. This one wants it refused.',
  },
  {
    suite: 'pg',
    ways: workers,
    test: /unit\/connection\/error-tests\.js: .*also when using SSL/,
    why: 'The test writes in the turn in which it connects. pg-cloudflare has no writer before it has imported `cloudflare:sockets`.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /SSL direct/,
    why: 'The build for Workers waits for an answer in plain text before it upgrades. Direct negotiation has none, and nobody handles the rejection of the read that it gives up.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /SSL prefer/,
    why: 'The build for Workers reads once, and then not again unless it upgrades. Here the server declines TLS.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /MD5|when authentication fails/,
    why: 'The build for Workers takes MD5 from Web Crypto, which has it on Workers, but not in Node.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /sql file|Parameters in file/,
    why: 'The build for Workers reads no files.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /Unix socket/,
    why: 'The build for Workers has no Unix sockets.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /connect_timeout throws|after single connect_timeout/,
    why: 'The build for Workers breaks if it gives up before it has imported `cloudflare:sockets`. Here it has a millisecond, and some machines need longer.',
  },
  {
    suite: 'postgres',
    ways: workers,
    test: /: subscribe/,
    why: 'Logical replication calls `socket.resume()`, which the sockets of the build for Workers do not have.',
  },
  {
    suite: 'postgres',
    ways: options,
    test: /Unix socket/,
    why: 'The function for the option `socket` connects to a host and a port.',
  },
  {
    suite: 'postgres',
    ways: options,
    test: /connect_timeout error message/,
    why: 'With the option `socket` postgres puts no host into the message.',
  },
  {
    suite: 'postgres',
    ways: options,
    test: /Multiple hosts/,
    why: 'With the option `socket` postgres leaves the choice of the host to its function, and ours takes the first.',
  },
  {
    suite: 'postgres',
    ways: ['shim'],
    test: /Unix socket/,
    why: 'The sockets of the shim know TCP alone. postgres makes the socket before it knows that it will want a Unix socket.',
  },
];
