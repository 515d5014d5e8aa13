/**
 * The program that hosts one module: `node module-host.js <module>`. It speaks the plugin protocol on the
 * socket that its environment names, and ends with its standard input.
 *
 * A process, not a worker: a worker shares memory, descriptors and `process.abort()` with the mount, and
 * its limits do not count buffers. The price is some 50 ms and 45 MiB for each plugin in use.
 */
import { register } from 'node:module';
import process from 'node:process';

import { SOCKET_VARIABLE } from '../protocol.js';
import { checkRequires } from './import-trust.js';
import { initModule } from './init-module.js';
import { serveClient } from './serve-client.js';

const [, , modulePath] = process.argv;
const socketPath = process.env[SOCKET_VARIABLE];
if (modulePath === undefined || socketPath === undefined) {
  process.stderr.write(`usage: ${SOCKET_VARIABLE}=<socket> module-host.js <module>\n`);
  process.exit(2);
}

// The plugin sees the arguments of a program of its own.
process.argv = [process.execPath, modulePath];
process.stdin.on('close', () => process.exit(0)).on('error', () => process.exit(0));
process.stdin.resume();
process.on('SIGTERM', () => process.exit(0));
process.on('unhandledRejection', (reason) => {
  // As in the mount itself: logged, and no reason to end.
  process.stderr.write(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`);
});

// So that a plugin may import what this package exports, wherever it lies, and nothing that others could have put there.
register('./resolve-hook.js', import.meta.url);
checkRequires();
await serveClient(socketPath, (option) => initModule(modulePath, option));
