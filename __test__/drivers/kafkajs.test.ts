/** kafkajs, unmodified, whose sockets are ours; against a stub, as Kafka itself is too much for a test. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KafkaStub, startKafkaStub } from '../servers/kafka-stub.mjs';
import { Stage, type Twins } from './twins.ts';

describe('kafkajs', () => {
  let stage: Stage;
  let stub: KafkaStub;
  let account: { KAFKA_USER: string; KAFKA_PASSWORD: string; NODE_OPTIONS: string };
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    stub = await startKafkaStub(stage);
    account = {
      KAFKA_USER: stub.user,
      KAFKA_PASSWORD: stub.password,
      // kafkajs sets timers in the past, over any socket, and newer Nodes complain about it.
      NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
    };
    twins = await stage.play('kafkajs', { ...account, KAFKA_PORT: stub.port, KAFKA_TLS_PORT: stub.tlsPort });
  }, 120_000);
  afterAll(async () => {
    await stub?.stop();
    await stage?.strike();
  });

  test('logs in, sends a message and gets it', () => {
    expect(twins.value('plain')).toEqual({ offset: '0', text: 'greeting Grüße blue' });
  });

  test('does so over TLS', () => {
    expect(twins.value('encrypted')).toEqual({ offset: '0', text: 'greeting Grüße blue' });
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ length: 10 * 1024 * 1024, intact: true });
  });

  test('sends in parallel', () => {
    expect(twins.value('parallel')).toEqual({ offsets: 200, messages: 200 });
  });

  test('sends a batch, and gets it in order', () => {
    expect(twins.value('batch')).toBe(true);
  });

  test('waits for messages', () => {
    expect(twins.value('subscription')).toEqual(['first', 'second']);
  });

  test('asks for the cluster', () => {
    expect(twins.value('admin')).toEqual({ host: 'localhost', controller: 0 });
  });

  test('connects and sends again when the broker has ended the connection', () => {
    expect(twins.value('reconnection')).toBe(0);
  });

  test('is told when the broker ends the connection and nothing is to be tried again', () => {
    expect(twins.failure('killed').name).toBe('KafkaJSConnectionClosedError');
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword').name).toBe('KafkaJSSASLAuthenticationError');
  });

  test('is told of a port that nobody listens at', () => {
    expect(twins.failure('refused').code).toBe('ECONNREFUSED');
  });

  test('refuses an unknown authority', () => {
    expect(twins.failure('unknownAuthority').code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('refuses a wrong name', () => {
    expect(twins.failure('wrongName').code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('gives up a broker that does not answer', () => {
    expect(twins.failure('silence').message).toBe('Connection timeout');
  });

  test('runs by its recipe', async () => {
    const output = await stage.recipe('kafkajs', { ...account, KAFKA_BROKER: `localhost:${stub.tlsPort}` });
    expect(output).toBe('greetings: message 0\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
