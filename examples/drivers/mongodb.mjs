// MongoDB: MONGODB_URL='mongodb://user:password@localhost:27017/?tls=true' node examples/drivers/mongodb.mjs
import { register } from 'wintersock/register';

register({ replace: ['mongodb'] });
const { MongoClient } = await import('mongodb'); // import() comes after register(); a static import would come before

const client = new MongoClient(process.env.MONGODB_URL);
await client.connect();
console.log(await client.db('admin').command({ ping: 1 }));
await client.close();
