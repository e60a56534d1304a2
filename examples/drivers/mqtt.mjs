// MQTT_URL=mqtts://user:password@mqtt.example.com:8883 node examples/drivers/mqtt.mjs
import { MqttClient } from 'mqtt';
import { createConnection } from 'wintersock/node';

const { hostname: host, port, username, password } = new URL(process.env.MQTT_URL ?? 'mqtts://localhost');
const streamBuilder = () => createConnection({ host, port: port || 8883, secureTransport: 'on' });
const client = new MqttClient(streamBuilder, { username, password });

client.on('message', (topic, message) => {
  console.log(`${topic}: ${message}`);
  client.end();
});
await client.subscribeAsync('greetings');
await client.publishAsync('greetings', 'hello');
