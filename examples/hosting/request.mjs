// An application, as it would be for Workers: node --import ./host.mjs request.mjs example.com:443 example.org:443
import { connect } from 'cloudflare:sockets';

for (const address of process.argv.slice(2)) {
  try {
    const socket = connect(address, { secureTransport: 'on' });
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(`HEAD / HTTP/1.0\r\nHost: ${address}\r\n\r\n`));
    const answer = await new Response(socket.readable).text();
    console.log(`${address}: ${answer.split('\r\n')[0]}`);
  } catch (error) {
    console.log(`${address}: ${error.code}: ${error.message}`);
  }
}
