// SMTP_URL=smtps://user:password@mail.example.com:465 node --import wintersock/register examples/drivers/worker-mailer.mjs bob@example.com
import { LogLevel, WorkerMailer } from 'worker-mailer';

const { protocol, hostname, port, username, password } = new URL(
  process.env.SMTP_URL ?? 'smtps://localhost:465',
);
const mailer = await WorkerMailer.connect({
  host: hostname,
  port: Number(port),
  secure: protocol === 'smtps:', // if not, it goes on in plain text where the server does not offer STARTTLS
  authType: 'plain',
  credentials: { username, password: decodeURIComponent(password) },
  logLevel: LogLevel.ERROR,
  socketTimeoutMs: 5000, // its timers keep the process alive for as long
});
await mailer.send({ from: 'alice@example.com', to: process.argv[2], subject: 'Hello', text: 'Hello' });
await mailer.close();
console.log('sent');
