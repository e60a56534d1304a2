// DATABASE_URL=postgres://app@database.internal/app DATABASE_SOCKET=/run/postgresql/.s.PGSQL.5432 node --import ./unix-sockets.mjs query.mjs
import { lookup } from 'node:dns/promises';
import { dirname } from 'node:path';
import { setDefaultBinding } from 'wintersock';
import 'wintersock/register';

const { DATABASE_SOCKET } = process.env;

setDefaultBinding({
  allow: ['public', `unix:${dirname(DATABASE_SOCKET)}/*`],
  resolve: async (name) => {
    if (name === 'database.internal') return [`unix:${DATABASE_SOCKET}`];
    return (await lookup(name, { all: true })).map(({ address }) => address);
  },
});
