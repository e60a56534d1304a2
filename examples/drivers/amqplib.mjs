// RabbitMQ by amqplib: AMQP_URL=amqps://user:password@localhost:5671 node examples/drivers/amqplib.mjs
import { register } from 'wintersock/register';

register({ replace: ['amqplib'] });
const { connect } = await import('amqplib'); // import() comes after register(); a static import would come before

const connection = await connect(process.env.AMQP_URL);
const channel = await connection.createConfirmChannel();
const { queue } = await channel.assertQueue('', { exclusive: true });
channel.sendToQueue(queue, Buffer.from('hello'));
await channel.waitForConfirms();
const { content } = await channel.get(queue, { noAck: true });
console.log(content.toString());
await connection.close();
