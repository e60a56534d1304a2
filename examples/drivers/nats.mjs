// NATS, encrypted: NATS_URL=tls://user:password@localhost:4222 node examples/drivers/nats.mjs
import { register } from 'wintersock/register';

register({ replace: ['@nats-io/transport-node'] });
const { connect } = await import('@nats-io/transport-node'); // after register(): a static import would come before

const { host, username: user, password } = new URL(process.env.NATS_URL);
const client = await connect({ servers: host, user, pass: decodeURIComponent(password), tls: {} });
client.subscribe('ping', { callback: (_, message) => message.respond('PONG') });
const answer = await client.request('ping');
console.log(answer.string());
await client.drain();
