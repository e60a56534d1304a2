import type * as contract from '../index.d.ts';
import { presets } from './config/presets.ts';
import { connect, createBinding, setDefaultBinding } from './connect.ts';
import { SocketError } from './error.ts';
import { Socket } from './socket.ts';

// Drift between the code and the contract fails the build.
({ connect, createBinding, presets, setDefaultBinding, SocketError }) satisfies Omit<
  typeof contract,
  'Socket'
>;
Socket.prototype satisfies contract.Socket;

export { connect, createBinding, presets, setDefaultBinding, Socket, SocketError };
