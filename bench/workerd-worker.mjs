// The other end of subjects/workerd.mjs: performs a job for each request, inside workerd.
import { connect } from 'cloudflare:sockets';
import { streams } from './idioms/streams.mjs';
import { performer } from './workloads.mjs';

const idiom = streams({
  async connect({ host, tls }, port) {
    const socket = connect({ hostname: host, port }, { secureTransport: tls ? 'on' : 'off' });
    await socket.opened;
    return socket;
  },
  close: ({ socket }) => socket.close(),
});

export default {
  async fetch(request, env) {
    const clock = {
      now: () => Date.now() * 1000,
      coarse: true,
      usage: async () => (await fetch(env.CONTROL)).json(),
      collect: () => globalThis.gc?.(),
    };
    try {
      return Response.json(await performer(idiom, clock)(await request.json()));
    } catch (error) {
      return Response.json({ error: error?.stack ?? String(error) });
    }
  },
};
