// REDIS_URL=rediss://:password@redis.example.com:6379 node examples/drivers/ioredis.mjs
import { AbstractConnector, Redis } from 'ioredis';
import { createConnection } from 'wintersock/node';

const { href, hostname: host, port } = new URL(process.env.REDIS_URL ?? 'rediss://localhost:6379');
class Connector extends AbstractConnector {
  disconnectTimeout = 2000;
  connect = async () => (this.stream = createConnection({ host, port, secureTransport: 'on' }));
}

const redis = new Redis(href, { Connector });
console.log(await redis.ping());
await redis.quit();
