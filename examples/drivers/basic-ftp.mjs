// FTP with TLS: FTP_URL=ftp://user:password@localhost:21 node examples/drivers/basic-ftp.mjs
import { Readable } from 'node:stream';
import { register } from 'wintersock/register';

register({ replace: ['basic-ftp'] });
const { Client } = await import('basic-ftp'); // import() comes after register(); a static import would come before

const { hostname: host, port, username: user, password } = new URL(process.env.FTP_URL);
const client = new Client();
// Many servers want the session resumed for each transfer, and a ticket of TLS 1.3 is for one.
const secureOptions = { maxVersion: 'TLSv1.2' };
await client.access({ host, port: Number(port || 21), user, password, secure: true, secureOptions });
await client.uploadFrom(Readable.from(['hello']), 'hello.txt');
console.log(`hello.txt: ${await client.size('hello.txt')} bytes over ${client.ftp.socket.getProtocol()}`);
client.close();
