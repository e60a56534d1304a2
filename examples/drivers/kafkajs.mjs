// KAFKA_BROKER=kafka.example.com:9093 KAFKA_USER=me KAFKA_PASSWORD=secret node examples/drivers/kafkajs.mjs
import { Kafka, Partitioners } from 'kafkajs';
import { createConnection } from 'wintersock/node';

const { KAFKA_BROKER = 'localhost:9093', KAFKA_USER = '', KAFKA_PASSWORD = '' } = process.env;
const kafka = new Kafka({
  brokers: [KAFKA_BROKER],
  ssl: true,
  sasl: { mechanism: 'plain', username: KAFKA_USER, password: KAFKA_PASSWORD },
  socketFactory: ({ host, port, onConnect }) =>
    createConnection({ host, port, secureTransport: 'on' }).once('secureConnect', onConnect),
});

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
const [{ topicName, baseOffset }] = await producer.send({
  topic: 'greetings',
  messages: [{ value: 'hello' }],
});
console.log(`${topicName}: message ${baseOffset}`);
await producer.disconnect();
