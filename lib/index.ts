import type * as contract from '../index.d.ts';
import { connect } from './connect.ts';
import { SocketError } from './error.ts';
import { Socket } from './socket.ts';

// Drift between the code and the contract fails the build.
({ connect, SocketError }) satisfies Pick<typeof contract, 'connect' | 'SocketError'>;
Socket.prototype satisfies contract.Socket;

export { connect, Socket, SocketError };
