// Takes the place of postgres.js in its tests: the same, with the option `socket` as users give it.
import original from 'postgres';

const { stream } = JSON.parse(process.env.WINTERSOCK_SUITE);
const { createConnection } = await import(stream);

/** For TLS over it, postgres itself takes node:tls. */
const socket = ({ host: [host], port: [port] }) => createConnection({ host, port });

export default Object.assign(postgres, original);

function postgres(first, second) {
  if (first?.shared) return original(first, second);
  const withSocket = (options) => ({ socket, ...options });
  return !first || typeof first === 'string'
    ? original(first, withSocket(second))
    : original(withSocket(first), second);
}
