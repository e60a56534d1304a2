/** A web server with a certificate for `localhost` and 127.0.0.1. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Authority } from '../fixtures/pki.mjs';

export interface WebServer {
  /** On 127.0.0.1. */
  port: number;
  /** The method and the host of each request. */
  requests: () => string[];
  close: () => void;
}

export async function startWebServer(authority: Authority): Promise<WebServer> {
  const { chainPem: cert, keyPem: key } = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  const requests: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    requests.push(`${request.method} ${request.headers.host}`);
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, requests: () => requests, close };
}
