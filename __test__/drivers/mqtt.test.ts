/** mqtt, unmodified, whose streams are ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, type MosquittoServer, startMosquitto } from '../servers/mosquitto.mjs';
import { Stage, type Twins } from './twins.ts';

describe.skipIf(available.skip)(available.skip || 'mqtt', () => {
  let stage: Stage;
  let server: MosquittoServer;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startMosquitto(stage);
    const { port, tlsPort, user, password } = server;
    const env = { MQTT_PORT: port, MQTT_TLS_PORT: tlsPort, MQTT_USER: user, MQTT_PASSWORD: password };
    twins = await stage.play('mqtt', env);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await stage?.strike();
  });

  test('connects and logs in', () => {
    expect(twins.value('plain')).toEqual({
      connected: true,
      remotePort: server.port,
      encrypted: false,
      authorized: false,
    });
  });

  test('encrypts, and verifies the server', () => {
    expect(twins.value('encrypted')).toEqual({
      connected: true,
      remotePort: server.tlsPort,
      encrypted: true,
      authorized: true,
    });
  });

  test('speaks MQTT 5', () => {
    expect(twins.value('version5')).toBe('blue');
  });

  test('delivers at most once, at least once and exactly once', () => {
    const seen = ['quality 0, delivered 0', 'quality 1, delivered 1', 'quality 2, delivered 2'];
    expect(twins.value('qualities')).toEqual({ granted: [0, 1, 2], seen });
  });

  test('gets what is published in parallel, all of it and in order', () => {
    expect(twins.value('parallel')).toBe(true);
  });

  test('publishes and gets ten megabytes, retained meanwhile', () => {
    expect(twins.value('large')).toEqual({ length: 10 * 1024 * 1024, retain: true, intact: true });
  });

  test('leaves a will', () => {
    expect(twins.value('will')).toBe('farewell');
  });

  test('keeps the connection alive', () => {
    expect(twins.value('keepalive')).toBe(true);
  });

  test('connects again when the broker has ended the connection', () => {
    const events = ['close', 'reconnect', 'connect'];
    expect(twins.value('reconnection')).toEqual({ events, message: 'still subscribed' });
  });

  test('is closed when the broker ends the connection and nothing is to be tried again', () => {
    expect(twins.value('killed')).toEqual({ connected: false, destroyed: true });
  });

  test('publishes with the next connection what there was none for', () => {
    expect(twins.value('queued')).toBe('patience');
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword').message).toBe('Connection refused: Not authorized');
  });

  test('is told of a port that nobody listens at', () => {
    expect(twins.failure('refused')).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
  });

  test('refuses an unknown authority', () => {
    expect(twins.failure('unknownAuthority').code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('refuses a wrong name', () => {
    expect(twins.failure('wrongName').code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence').message).toBe('connack timeout');
  });

  test('ends without a goodbye', () => {
    expect(twins.value('forced')).toBe(true);
  });

  test('runs by its recipe', async () => {
    expect(await stage.recipe('mqtt', { MQTT_URL: server.tlsUrl })).toBe('greetings: hello\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
