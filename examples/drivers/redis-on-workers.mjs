// REDIS_URL=rediss://:password@redis.example.com:6379 node examples/drivers/redis-on-workers.mjs
import { createRedis } from 'redis-on-workers';
import { connect } from 'wintersock';

const url = process.env.REDIS_URL ?? 'rediss://localhost:6379';
const redis = createRedis({ url, connectFn: connect });
console.log(await redis.sendOnce('PING'));
