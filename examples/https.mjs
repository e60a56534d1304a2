// HTTP/1.1 over TLS, the certificate verified: node examples/https.mjs example.com:443
import { connect } from 'wintersock';

const address = process.argv[2] ?? 'example.com:443';
const socket = connect(address, { secureTransport: 'on', alpn: ['http/1.1'] });
const { alpn } = await socket.opened;
console.log(`verified ${address}, ALPN: ${alpn}`);

const writer = socket.writable.getWriter();
const host = address.slice(0, address.lastIndexOf(':'));
await writer.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

const response = await new Response(socket.readable).text();
console.log(response.slice(0, response.indexOf('\r\n')));
await socket.close();
