// Loaded before each test file of node-postgres: writes down how each test ends, and gives pg the sockets in question.
const { appendFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');

const { report, sockets, stream } = JSON.parse(process.env.WINTERSOCK_SUITE);
const tell = (event, name) => appendFileSync(report, `${JSON.stringify({ event, name })}\n`);

if (sockets) {
  const { _compile } = Module.prototype;
  Module.prototype._compile = function (source, filename, ...rest) {
    const isTheirs = /pg-cloudflare[\\/]dist[\\/]index\.js$/.test(filename);
    const text = isTheirs ? source.replace('cloudflare:sockets', sockets) : source;
    return _compile.call(this, text, filename, ...rest);
  };
}

// As `new Client({ stream: () => createConnection() })`, for every client of the suite that brings no stream itself.
if (stream) {
  const { Socket } = require(stream);
  require(join(process.cwd(), 'lib', 'stream.js')).getStream = () => new Socket();
}

const Suite = require(join(process.cwd(), 'test', 'suite.js'));
const { run } = Suite.prototype;
Suite.prototype.run = function (test, done) {
  tell('start', test.name);
  test.timeout *= 4; // milliseconds, for a machine that has nothing else to do
  return run.call(this, test, (...args) => {
    tell('pass', test.name);
    return done(...args);
  });
};
