// DB_CA=rds-bundle.pem DB_CERT=app.pem DB_KEY=app.key DB_PASSPHRASE=... node --import ./mtls-postgres.mjs query.mjs
import { pathToFileURL } from 'node:url';
import { setDefaultBinding } from 'wintersock';
import 'wintersock/register';

const { DB_CA, DB_CERT, DB_KEY, DB_PASSPHRASE } = process.env;
delete process.env.DB_PASSPHRASE; // no business of the application

setDefaultBinding({
  ca: pathToFileURL(DB_CA), // the provider's bundle: all of it is trusted, and nobody else
  cert: pathToFileURL(DB_CERT), // who we are to the database, intermediate certificates included
  key: pathToFileURL(DB_KEY), // encrypted: BEGIN ENCRYPTED PRIVATE KEY
  passphrase: DB_PASSPHRASE,
  connectTimeout: 10_000,
});
