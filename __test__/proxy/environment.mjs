/**
 * Connects by what the environment says of proxies, `node environment.mjs <proxy> <address>...`, and prints how: `proxy` is `true`, or
 * `default` for a configuration that does not name it.
 */
import { createBinding } from 'wintersock';

const [proxy, ...addresses] = process.argv.slice(2);
const outcomes = [];
const messageOf = ({ message }) => message;
try {
  const binding = createBinding(proxy === 'true' ? { proxy: true } : {});
  for (const address of addresses) {
    const socket = binding.connect(address);
    outcomes.push(await socket.opened.then(() => 'opened', messageOf));
    await socket.close().catch(() => {});
  }
} catch (error) {
  outcomes.push(messageOf(error));
}
console.log(JSON.stringify(outcomes));
