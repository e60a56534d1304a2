// URL=https://example.com/ node examples/drivers/undici.mjs
import { once } from 'node:events';
import { Agent, request } from 'undici';
import { createConnection } from 'wintersock/node';

const connect = ({ hostname, port }, done) => {
  const socket = createConnection({ host: hostname, port: port || 443, secureTransport: 'on' });
  once(socket, 'secureConnect').then(() => done(null, socket), done);
};
const dispatcher = new Agent({ connect });

const { statusCode, body } = await request(process.env.URL ?? 'https://example.com/', { dispatcher });
console.log(`${statusCode}: ${(await body.text()).length} characters`);
await dispatcher.close();
