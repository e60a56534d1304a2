// STARTTLS with a mail server: node examples/smtp.mjs mail.example.com:587
import { connect } from 'wintersock';

async function say(reader, writer, line) {
  if (line) await writer.write(`${line}\r\n`);
  const { value } = await reader.read();
  const answer = new TextDecoder().decode(value).trim();
  console.log(answer);
  return answer;
}
const plain = connect(process.argv[2] ?? 'localhost:587', { secureTransport: 'starttls' });
const [reader, writer] = [plain.readable.getReader(), plain.writable.getWriter()];
for (const line of ['', 'EHLO client.example']) await say(reader, writer, line);
if (!(await say(reader, writer, 'STARTTLS')).startsWith('220')) throw new Error('no TLS here');

for (const lock of [reader, writer]) lock.releaseLock();
const secure = plain.startTls(); // verified against the name given to connect()
const [tlsReader, tlsWriter] = [secure.readable.getReader(), secure.writable.getWriter()];
for (const line of ['EHLO client.example', 'QUIT']) await say(tlsReader, tlsWriter, line);
await secure.closed;
