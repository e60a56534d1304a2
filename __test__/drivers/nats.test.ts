/** NATS's client, unmodified, by `register({ replace })`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, startNats, startTlsFirst } from '../servers/nats.mjs';
import { Replaced } from './replaced.ts';
import type { Twins } from './twins.ts';

describe.skipIf(available.skip)(available.skip || 'nats', () => {
  const password = 'a secret';
  const stops: (() => Promise<void>)[] = [];
  let replaced: Replaced;
  let recipe: Record<string, string>;
  let twins: Twins;

  beforeAll(async () => {
    replaced = await Replaced.prepare('nats', '@nats-io/transport-node');
    stops.unshift(() => replaced.remove());
    const { credentials, authority } = replaced;
    const options = [{}, { credentials }, { credentials, clientAuthority: authority.certPem }];
    const servers = await Promise.all(
      options.map(async (each) => {
        const server = await startNats({ ...each, password });
        stops.unshift(server.stop);
        return server;
      }),
    );
    const [plain, secure, mutual] = servers.map(({ port }) => port) as [number, number, number];
    const first = await startTlsFirst({ credentials, port: plain });
    stops.unshift(first.stop);
    const { certPem, keyPem } = await authority.issue({ names: [], commonName: 'alice', client: true });
    recipe = { NATS_URL: `tls://alice:${encodeURIComponent(password)}@localhost:${secure}` };
    twins = await replaced.play({
      NATS_PORT: plain,
      NATS_TLS_PORT: secure,
      NATS_MUTUAL_PORT: mutual,
      NATS_TLS_FIRST_PORT: first.port,
      NATS_USER: 'alice',
      NATS_PASSWORD: password,
      CLIENT_CERT: certPem,
      CLIENT_KEY: keyPem,
    });
  }, 120_000);
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  test('connects and logs in', () => {
    expect(twins.value('plain')).toEqual({ encrypted: false, peer: '127.0.0.1', answers: true });
  });

  test.each(['upgraded', 'encryptedFirst', 'clientCertificate'])('encrypts: %s', (job) => {
    expect(twins.value(job)).toEqual({ encrypted: true, peer: '127.0.0.1', answers: true });
  });

  test('is refused without the certificate that the server wants', () => {
    expect(twins.failure('withoutClientCertificate').message).toBe('refused');
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ bytes: 10 * 1024 * 1024, intact: true });
  });

  test('gets the answers to parallel requests', () => {
    expect(twins.value('parallel')).toBe(true);
  });

  test('gets what is published', () => {
    expect(twins.value('subscription')).toEqual(['news.0 number 498', 'news.1 number 499']);
  });

  test('shares work in a queue', () => {
    expect(twins.value('queue')).toBe(300);
  });

  test('keeps several connections', () => {
    expect(twins.value('connections')).toBe(10);
  });

  test('drains', () => {
    expect(twins.value('drain')).toBe(1000);
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword').name).toBe('AuthorizationError');
  });

  test('is told of a port that nobody listens at', () => {
    expect(twins.failure('refused')).toMatchObject({ name: 'ConnectionError', code: 'ECONNREFUSED' });
  });

  test('refuses an unknown authority', () => {
    expect(twins.failure('unknownAuthority').code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('refuses a wrong name', () => {
    expect(twins.failure('wrongName').code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('is told when the server ends the connection', () => {
    expect(twins.value('ended')).toEqual({ closed: 'Unknown Protocol Operation', isClosed: true });
  });

  test('connects again and keeps its subscriptions', () => {
    expect(twins.value('reconnection')).toEqual({ message: 'all the same', changed: true });
  });

  test('runs by its recipe', async () => {
    expect(await replaced.recipe(recipe)).toBe('PONG\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
