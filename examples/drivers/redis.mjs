// Redis by node-redis: REDIS_URL=rediss://:password@localhost:6379 node examples/drivers/redis.mjs
import { register } from 'wintersock/register';

register({ replace: ['redis'] });
const { createClient } = await import('redis'); // import() comes after register(); a static import would come before

const client = createClient({ url: process.env.REDIS_URL });
await client.connect();
console.log(await client.ping());
await client.close();
