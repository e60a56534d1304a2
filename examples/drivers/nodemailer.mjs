// SMTP_URL=smtps://user:password@mail.example.com:465 node examples/drivers/nodemailer.mjs
import { createTransport } from 'nodemailer';
import { createConnection } from 'wintersock/node';

const transport = createTransport({
  url: process.env.SMTP_URL ?? 'smtps://localhost:465',
  getSocket: ({ host, port }, done) =>
    done(null, { connection: createConnection({ host, port, secureTransport: 'on' }), secured: true }),
});

const { MAIL_FROM = 'alice@example.org', MAIL_TO = 'bob@example.org' } = process.env;
const { accepted } = await transport.sendMail({
  from: MAIL_FROM,
  to: MAIL_TO,
  subject: 'hello',
  text: 'hello',
});
console.log(`sent to ${accepted}`);
