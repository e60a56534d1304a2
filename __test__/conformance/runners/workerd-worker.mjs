// The other end of runners/workerd.mjs: runs one clause for each request, inside workerd.
import { connect } from 'cloudflare:sockets';
import { run } from '../clause.mjs';
import { clauses } from '../clauses/index.mjs';

const strays = [];
addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  strays.push(event.reason);
});
addEventListener('error', (event) => strays.push(event.error ?? event.message));

export default {
  async fetch(request, env) {
    const control = async (operation, args) => {
      const body = JSON.stringify({ operation, args });
      const { value, error } = await (await fetch(env.CONTROL, { method: 'POST', body })).json();
      if (error !== undefined) throw new Error(error);
      return value;
    };
    const wanted = await request.text();
    const clause = clauses.find(({ id }) => id === wanted);
    return Response.json(await run(clause, { subject: { connect }, control, strays }));
  },
};
