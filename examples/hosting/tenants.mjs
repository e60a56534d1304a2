// Bindings as what they are, objects: node tenants.mjs a.db.example.com:5432 b.db.example.com:5432
import { createBinding } from 'wintersock';

const [first, second] = process.argv.slice(2);
const maxConnections = { limit: 10, whenFull: 'refuse' };
const tenants = {
  a: createBinding({ allow: [first], connectTimeout: 5000, maxConnections }),
  b: createBinding({ allow: [second], connectTimeout: 5000, maxConnections }),
};

for (const [name, binding] of Object.entries(tenants)) {
  const { connect } = binding; // what code of that tenant is given in place of the plain connect()
  for (const address of [first, second]) {
    try {
      const socket = connect(address);
      const { remoteAddress } = await socket.opened;
      console.log(name, remoteAddress, binding.stats.open);
      await socket.close();
    } catch ({ code }) {
      console.log(name, address, code, binding.stats.failures);
    }
  }
}
