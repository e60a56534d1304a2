/** A mail server on two ports, STARTTLS and TLS from the start, that keeps what it gets. Types: worker-mailer-server.d.mts. */
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

const user = 'alice';
const password = 'correct horse';

export async function startMailServer({ credentials }) {
  const messages = [];
  const open = async (options) => {
    const smtp = new SMTPServer({
      cert: credentials.chainPem,
      key: credentials.keyPem,
      authMethods: ['PLAIN', 'LOGIN'],
      closeTimeout: 1000,
      disableReverseLookup: true,
      ...options,
      onAuth(auth, { id }, done) {
        if (auth.username === user && auth.password === password) return done(null, { user: auth.method });
        done(new Error('wrong user or password'));
        // As many servers do. The client forgets the connection, which else would keep its process alive.
        for (const connection of smtp.connections) if (connection.session.id === id) connection.close();
      },
      onData(stream, { envelope, secure, user: method }, done) {
        const chunks = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('end', () => {
          const to = envelope.rcptTo.map(({ address }) => address);
          messages.push({ to, secure, method, text: Buffer.concat(chunks).toString() });
          done();
        });
      },
    });
    // Clients that refuse its certificate.
    smtp.on('error', () => {});
    smtp.listen(0, '127.0.0.1');
    await once(smtp.server, 'listening');
    return smtp;
  };
  const starttls = await open({});
  const tls = await open({ secure: true });
  const stop = () =>
    Promise.all([starttls, tls].map((smtp) => new Promise((resolve) => smtp.close(resolve))));
  return {
    port: starttls.server.address().port,
    tlsPort: tls.server.address().port,
    user,
    password,
    messages,
    stop: async () => void (await stop()),
  };
}
