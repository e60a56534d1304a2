// What can go wrong, and how to tell: node examples/errors.mjs localhost:5432
import { connect, SocketError } from 'wintersock';

try {
  const signal = AbortSignal.timeout(Number(process.env.TIMEOUT ?? 2000));
  const socket = connect(process.argv[2] ?? 'localhost:5432', { secureTransport: 'on', signal });
  await socket.opened;
  await new Response(socket.readable).text(); // the signal covers the whole life of the socket
  console.log('done');
} catch (error) {
  if (error instanceof SocketError) {
    console.log(`${error.code}: ${error.message}`); // ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED, ...
  } else if (error.name === 'TimeoutError') {
    console.log('too slow');
  } else {
    throw error;
  }
}
