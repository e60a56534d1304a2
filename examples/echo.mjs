// Says hello to an echo server: node examples/echo.mjs localhost:7
import { connect } from 'wintersock';

const socket = connect(process.argv[2] ?? 'localhost:7');
const { localAddress, remoteAddress } = await socket.opened;
console.log(`connected: ${localAddress} -> ${remoteAddress}`);

const writer = socket.writable.getWriter();
await writer.write('hello\n');
await writer.close(); // sends FIN; the readable side stays open until the server ends as well

const decoder = new TextDecoder();
for await (const chunk of socket.readable) process.stdout.write(decoder.decode(chunk, { stream: true }));
await socket.closed;
