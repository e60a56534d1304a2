// URL=https://example.com/ node examples/drivers/http.mjs
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { createConnection } from 'wintersock/node';

const agent = new https.Agent({ keepAlive: true });
agent.createConnection = (options) => createConnection({ ...options, secureTransport: 'on' });

https.get(process.env.URL ?? 'https://example.com/', { agent }, async (response) => {
  console.log(`${response.statusCode}: ${(await text(response)).length} characters`);
});
