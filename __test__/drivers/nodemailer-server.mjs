/** A mail server, STARTTLS and TLS from the start, that says what it got. Types: nodemailer-server.d.mts. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

const account = { user: 'alice', password: 'correct horse' };

export async function startMail({ credentials }) {
  let connections = 0;

  /** What happens at a recipient of that name. */
  const recipients = {
    nobody: (_, done) => done(new Error('nobody lives here')),
    killer: (socket) => socket.destroy(),
  };

  const open = async (options) => {
    const smtp = new SMTPServer({
      cert: credentials.chainPem,
      key: credentials.keyPem,
      authMethods: ['PLAIN'],
      closeTimeout: 1000,
      disableReverseLookup: true,
      ...options,
      onConnect(session, done) {
        session.number = connections++;
        done();
      },
      onAuth({ username, password }, _session, done) {
        if (username === account.user && password === account.password) done(null, { user: username });
        else done(new Error('wrong user or password'));
      },
      onRcptTo({ address }, session, done) {
        const { _socket: socket } = [...smtp.connections].find(({ id }) => id === session.id);
        const [name] = address.split('@');
        if (name in recipients) recipients[name](socket, done);
        else done();
      },
      async onData(stream, session, done) {
        const chunks = [];
        for await (const chunk of stream) chunks.push(chunk);
        const text = Buffer.concat(chunks);
        const sum = createHash('sha256').update(text).digest('hex');
        const { secure, number, envelope } = session;
        const to = envelope.rcptTo.map(({ address }) => address);
        done(null, JSON.stringify({ to, length: text.length, sum, secure, number }));
        if (to.includes('last@example.org')) {
          const { _socket: socket } = [...smtp.connections].find(({ id }) => id === session.id);
          setImmediate(() => socket.destroy());
        }
      },
    });
    // Clients that refuse its certificate.
    smtp.on('error', () => {});
    smtp.listen(0, '127.0.0.1');
    await once(smtp.server, 'listening');
    return smtp;
  };

  const servers = [await open({}), await open({ secure: true })];
  const [port, tlsPort] = servers.map(({ server }) => server.address().port);
  const stop = async () => {
    await Promise.all(servers.map((smtp) => new Promise((resolve) => smtp.close(resolve))));
  };
  return { port, tlsPort, ...account, stop };
}
