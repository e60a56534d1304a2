// URL=wss://echo.example.com/ node examples/drivers/ws.mjs
import WebSocket from 'ws';
import { createConnection } from 'wintersock/node';

const socket = new WebSocket(process.env.URL ?? 'wss://localhost/', {
  createConnection: (options) => createConnection({ ...options, secureTransport: 'on' }),
});

socket.on('open', () => socket.send('hello'));
socket.on('message', (message) => {
  console.log(`${message}`);
  socket.close();
});
