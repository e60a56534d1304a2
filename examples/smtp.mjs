// STARTTLS with a mail server: node examples/smtp.mjs mail.example.com:587
import { connect } from 'wintersock';

async function say(reader, writer, line) {
  if (line) await writer.write(`${line}\r\n`);
  const { value } = await reader.read();
  console.log(new TextDecoder().decode(value).trim());
}
const plain = connect(process.argv[2] ?? 'localhost:587', { secureTransport: 'starttls' });
const [reader, writer] = [plain.readable.getReader(), plain.writable.getWriter()];
for (const line of ['', 'EHLO client.example', 'STARTTLS']) await say(reader, writer, line);

reader.releaseLock();
writer.releaseLock();
const secure = plain.startTls(); // verified against the name given to connect()
const [tlsReader, tlsWriter] = [secure.readable.getReader(), secure.writable.getWriter()];
for (const line of ['EHLO client.example', 'QUIT']) await say(tlsReader, tlsWriter, line);
await secure.closed;
