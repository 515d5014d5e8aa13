/** Secrets in every field that a log may have, which must not show them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { createLog } from '../../bin/log.js';
import { FailureLog } from '../../src/mount/failure-log.js';
import { FsError } from '../../src/mount/fs-error.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { Request } from '../../src/source/index.js';
import { PluginSet } from '../../src/source/plugin/plugin-set.js';
import { startFaultServer } from '../support/fault-server.js';
import { addModule, clientOf, pluginDirectory } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';

const SECRET = 'hunter2-and-more';
const CONTROL = '\x1b]0;owned\x07\x9b2J\u202e';

// S111
test('no secret and no control character reaches a log, at any level', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  const log = await createLog({ logFile, logLevel: 'trace' });
  const failures = new FailureLog(log);
  const note = async (work: Promise<unknown>): Promise<void> => {
    const error: unknown = await t.throwsAsync(work);
    failures.note('open', `/http/h/x?color=${SECRET}`, error, 'data');
    log.trace({ err: error, url: `http://u:${SECRET}@h/?c=${SECRET}` }, `failed: ${String(error)}`);
    log.error(error);
    log.error({ err: new Error('outer', { cause: error }) });
  };

  const locations = ['javascript:x?a=', 'http://[/?a=', `http://u:${SECRET}@h/?`, '/?'];
  const server = await startFaultServer(t, (request, response) => {
    const to = locations[Number(request.url?.slice(1, 2))];
    if (to === undefined) response.writeHead(206, { 'content-range': `bytes ${SECRET.length}` }).end('x');
    else response.writeHead(302, { location: `${to}${SECRET}` }).end();
  });
  const http = createHttpClient({ timeoutMs: 2_000, retries: 0, headersFor: () => ({ 'x-key': SECRET }) });
  t.teardown(() => http.close());
  const header = { authorization: SECRET };
  for (let at = 0; at <= locations.length; at += 1) {
    const url = `${server.origin.replace('//', `//user:${SECRET}@`)}/${at}?color=${SECRET}&${SECRET}`;
    await note(http.getMetadata(new Request(url, { header, range: { start: 0, end: 1 } })));
  }
  await note(http.getMetadata(new Request(`http://127.0.0.1:1/?x=${SECRET}`, { header })));

  const directory = await pluginDirectory(t);
  await addModule(directory, 'loud', {
    attributes: 'note: option.password',
    client: `getMetadata: () => { throw new Error('cannot log in with ' + option.password + ${JSON.stringify(CONTROL)}); },
      list: () => { process.stderr.write('password: ' + option.password + '\\n'); process.exit(1); },`,
  });
  await addModule(directory, 'dead', {
    top: `import { readFileSync } from 'node:fs'; process.stderr.write(${JSON.stringify(CONTROL)});`,
    client: `...(() => { throw new Error('no such user: ' + option.password); })(),`,
  });
  const option = { loud: { password: SECRET }, dead: { password: SECRET } };
  const plugins = new PluginSet({ directories: [directory], option }, { isInTree: () => false, log });
  t.teardown(() => plugins.close());
  const loud = await clientOf(plugins, 'loud');
  await note(loud.getMetadata(new Request(`loud://h/x?a=${SECRET}`)));
  await note(loud.list(new Request('loud://h/')));
  await note(Promise.resolve(plugins.clientFor('dead')));
  const described = JSON.stringify([plugins.describe('loud'), plugins.describe('dead')]);
  t.notRegex(described, new RegExp(SECRET));
  t.regex(described, /cannot log in with …|password: …/);

  const system = Object.assign(new Error(`connect ${CONTROL}`), {
    headers: { authorization: SECRET },
    options: { auth: SECRET },
    socket: { path: SECRET },
  });
  await note(Promise.reject(system));
  await note(Promise.reject(new AggregateError([new Error('first of two'), system], 'all failed')));
  log.info({ target: new URL(`http://u:${SECRET}@h/?c=${SECRET}`), at: new Date(0) }, 'told');
  await note(Promise.reject(new FsError('NO_ENTRY', `x?sig=${SECRET} ${SECRET}${CONTROL}`, 'no such thing')));

  const text = await readFile(logFile, 'utf8');
  t.notRegex(text, new RegExp(SECRET), text);
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  t.notRegex(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]|\\u001b|\\u0007/);
  t.true(text.split('\n').length > 30);
  t.regex(text, /"target":"http:\/\/h\/\?c=…","at":"1970/);
  t.regex(text, /first of two/);
  for (const line of text.trim().split('\n')) t.notThrows(() => JSON.parse(line));
});
