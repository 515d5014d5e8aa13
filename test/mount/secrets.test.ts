/** A secret that is typed anywhere is found nowhere. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IncomingMessage, ServerResponse } from 'node:http';
import process from 'node:process';

import test from 'ava';

import { servingProcess } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { startSftpServer } from '../servers/sftp/sftp-server.js';
import { createCertificate } from '../support/certificate.js';
import { startFaultServer } from '../support/fault-server.js';
import { startFtpFaultServer } from '../support/ftp-fault-server.js';
import { CLI, run, shell, unmounted } from '../support/mounted.js';
import { addModule, pluginDirectory } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

/** In every secret of this test. */
const MARK = 'hunter2';
const NOBODY = 65_534;

/** Also in the forms in which a secret may be written. */
const FORMS = [MARK, Buffer.from(MARK).toString('hex'), ...[0, 1, 2].map(inBase64)];

/** What is the same of it in base64, whatever stands around. */
function inBase64(offset: number): string {
  const text = Buffer.from(`${'x'.repeat(offset)}${MARK}`).toString('base64');
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + MARK.length) * 8) / 6));
}

function found(text: string): string[] {
  return FORMS.filter((form) => text.includes(form));
}

/** Redirects with a token of its own, and says what it got. */
function webHdfs(response: ServerResponse, path: string, op: string): void {
  const isData = path.startsWith('/webhdfs/data/');
  const got = response.req.url ?? '';
  if (op === 'GETFILESTATUS' && !path.endsWith('denied')) {
    const status = { type: 'FILE', pathSuffix: '', length: 7, modificationTime: 1, fileId: 1 };
    response.end(JSON.stringify({ FileStatus: status }));
  } else if (op === 'OPEN' && !isData) {
    const location = `${path.replace('/v1/', '/data/')}?op=OPEN&offset=0&delegation=${MARK}-block`;
    response.writeHead(307, { location }).end();
  } else {
    const exception = { exception: 'IOException', message: `you sent ${got}` };
    response.writeHead(403).end(JSON.stringify({ RemoteException: exception }));
  }
}

/** Whether it has asked for a password, or has been given one and says which. */
function asks({ url = '', headers }: IncomingMessage, response: ServerResponse, got: string): boolean {
  const [, path] = /^\/(digest|netrc|asked)\//.exec(url) ?? [];
  const scheme = path === 'digest' ? 'Digest' : 'Basic';
  const isGiven = headers.authorization?.startsWith(scheme) === true;
  if (path === undefined || (isGiven && path !== 'asked')) return false;
  const challenge = { 'www-authenticate': `${scheme} realm="x", nonce="n", qop="auth"` };
  response.writeHead(401, { ...(isGiven ? {} : challenge), 'x-got': got }).end(`you sent ${got}`);
  return true;
}

test.serial('secrets of a file, the environment, files and commands are found nowhere', async (t) => {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o755);
  // Refuses, and says to whom: what it got, in the body, in a header, and in a redirect.
  const server = await startFaultServer(t, (request, response) => {
    const got = encodeURIComponent([request.headers.authorization, request.headers['x-secret']].join(' '));
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://host');
    if (asks(request, response, got)) return;
    if (pathname.startsWith('/webhdfs/')) {
      tokens.add(searchParams.get('delegation') ?? '');
      webHdfs(response, pathname, searchParams.get('op') ?? '');
    } else if (request.url?.startsWith('/away') === true) {
      response.writeHead(302, { location: `/denied?got=${got}` }).end();
    } else if (request.url?.startsWith('/denied') === true) {
      response.writeHead(403, { 'x-got': got }).end(`you sent ${got}`);
    } else {
      response.writeHead(200, { etag: '"1"' }).end('content');
    }
  });
  // Two that repeat what they were sent: one refuses it, the other one says so later.
  const refusing = await startFtpFaultServer(t, { account: { user: 'ada', password: 'another' } });
  const telling = await startFtpFaultServer(t);
  telling.add({ command: 'MLST', reply: `553 you sent ${MARK}-ftp` });
  const { host } = new URL(server.origin);
  const tokens = new Set<string>();
  const ssh = await startSftpServer(t);
  ssh.login = () => false;
  const plugins = await pluginDirectory(t);
  await addModule(plugins, 'telling', {
    top: `let given;`,
    client: `getContentLength: () => { process.stderr.write(given + '\\n'); throw new Error('with ' + given); },`,
    attributes: `...(given = JSON.stringify(option), {}),`,
  });
  const [config, file, log, netrc, key] = ['config.yaml', 'secret', 'log', 'netrc', 'key.pem'].map((name) =>
    join(directory, name),
  ) as [string, string, string, string, string];
  await writeFile(file, `${MARK}-file`, { mode: 0o600 });
  await writeFile(netrc, `machine 127.0.0.1 login ada password ${MARK}-netrc\n`, { mode: 0o600 });
  // The password of the rule is not that of the key: an error may say so, and no more.
  const client = await createCertificate(t, 'DNS:client.test');
  await run('openssl', ['ec', '-aes256', '-passout', 'pass:other', '-in', client.key, '-out', key]);
  const text = `
logLevel: trace
sources:
  - match: { scheme: http, host: "${host}" }
    headers: { X-Secret: ${MARK}-header }
    credentials: { user: ada, password: ${MARK}-password }
  - match: { scheme: http, host: "${host}", path: /variable }
    credentials: { token: "\${D7Y_TEST_SECRET}" }
  - match: { scheme: http, host: "${host}", path: /file }
    credentials: { token: "file:${file}" }
  - match: { scheme: http, host: "${host}", path: /command }
    credentials: { token: { command: [sh, -c, "echo $0-command", ${MARK}] } }
  - match: { scheme: http, host: "${host}", path: /printed }
    credentials: { command: [sh, -c, "echo $0-printed", ${MARK}] }
  - match: { scheme: http, host: "${host}", path: /digest }
    credentials: { user: ada, password: ${MARK}-digest, auth: digest }
  - match: { scheme: http, host: "${host}", path: /netrc }
    credentials: { netrc: ${netrc} }
  - match: { scheme: https, host: "${host}" }
    tls: { cert: ${client.certificate}, key: ${key}, keyPassword: ${MARK}-key }
  - match: { scheme: http, host: proxied.test }
    proxy: http://user:${MARK}-proxy@${host}
  - match: { scheme: webdav, host: "${host}" }
    headers: { X-Secret: ${MARK}-dav-header }
    credentials: { user: ada, password: ${MARK}-dav, auth: basic }
  - match: { scheme: s3, host: bucket }
    endpoint: ${server.origin}/
    credentials: { accessKeyId: ${MARK}-id, accessKeySecret: ${MARK}-key, sessionToken: ${MARK}-session }
  - match: { scheme: hf }
    baseUrl: ${server.origin}/denied
    credentials: { token: ${MARK}-hub }
  - match: { scheme: hdfs, host: cluster }
    namenodes: ["${server.origin}"]
    credentials: { token: ${MARK}-delegation }
  - match: { scheme: ftp }
    credentials: { user: ada, password: ${MARK}-ftp }
  - match: { scheme: sftp }
    credentials: { user: ada, password: ${MARK}-ssh }
    knownHostsFile: ${ssh.knownHosts}
  - match: { scheme: sftp, path: /key }
    credentials: { user: ada, key: ${MARK}-private, passphrase: ${MARK}-passphrase }
plugins:
  telling: { token: ${MARK}-plugin, file: "file:${file}" }
`;
  await writeFile(config, text, { mode: 0o600 });
  const environment = { ...process.env, D7Y_TEST_SECRET: `${MARK}-variable` };
  const mnt = join(directory, 'mnt');
  t.teardown(() => unmounted(mnt));
  const cache = join(directory, 'cache');
  const args = ['--config', config, '--log-file', log, '--cache-dir', cache, '--plugin-dir', plugins];
  const header = ['--header', `http://given.test: X-Secret: ${MARK}-given`];
  const program = (...own: string[]): string => {
    const { stdout, stderr } = spawnSync(process.execPath, [CLI, ...args, ...header, ...own], {
      env: environment,
      encoding: 'utf8',
    });
    return stdout + stderr;
  };
  // The mount must answer this process meanwhile: it is started by another one.
  const started = await shell(
    'exec "$@"',
    'env',
    `D7Y_TEST_SECRET=${MARK}-variable`,
    process.execPath,
    CLI,
    ...args,
    ...header,
    mnt,
  );
  t.is(started.code, 0, started.stderr);
  const outputs: Record<string, string> = { start: started.stdout + started.stderr };
  for (const path of [
    `http/${host}/x`,
    `http/${host}/variable/x`,
    `http/${host}/file/x`,
    `http/${host}/command/x`,
    `http/${host}/printed/x`,
    `http/${host}/digest/x`,
    `http/${host}/netrc/x`,
    `http/${host}/asked/x`,
    `https/${host}/x`,
    `http/${host}/away/x`,
    `http/${host}/denied/x`,
    `webdav/${host}/x`,
    `dav/${host}/away/x`,
    'http/proxied.test/x',
    'http/given.test/x',
    's3/bucket/key',
    'hf/owner/repo/file',
    'hdfs/cluster/redirected',
    'hdfs/cluster/denied',
    `ftp/${refusing.host}/x`,
    `ftp/${telling.host}/x`,
    `sftp/${ssh.host}/x`,
    `sftp/${ssh.host}/key/x`,
    'telling/host/x',
  ]) {
    const { stdout, stderr } = await shell(
      'cat "$1"; stat "$1"; getfattr -d "$1"; ls -la "$(dirname "$1")"',
      join(mnt, path),
    );
    outputs[`cat ${path}`] = stdout + stderr;
  }
  t.true(outputs[`cat http/${host}/file/x`]?.includes('content'), outputs[`cat http/${host}/file/x`]);
  const authorizations = new Set(server.requests.map(({ headers }) => headers.authorization));
  for (const name of ['variable', 'file', 'command', 'printed'])
    t.true(authorizations.has(`Bearer ${MARK}-${name}`), name);
  for (const name of ['netrc', 'password']) {
    const pair = Buffer.from(`ada:${MARK}-${name}`).toString('base64');
    t.true(authorizations.has(`Basic ${pair}`), name);
  }
  t.true([...authorizations].some((value) => value?.startsWith('Digest username="ada"')));
  t.regex(await readFile(log, 'utf8'), /the configured certificate cannot be used/);
  t.true(tokens.has(`${MARK}-delegation`) && tokens.has(`${MARK}-block`), [...tokens].join());
  for (const ftp of [refusing, telling]) t.true(ftp.commands.includes(`PASS ${MARK}-ftp`));
  t.true(ssh.logins.includes(`password ada ${MARK}-ssh`));
  outputs['.plugins'] = (await shell('cat "$1"/.plugins/*', mnt)).stdout;
  outputs['plugin'] = program('plugin', '--json');
  const bundle = join(directory, 'bundle.tar.gz');
  const urls = [
    `http://${host}/file/x`,
    `http://${host}/x?signature=${MARK}-query`,
    's3://bucket/key',
    `ftp://${telling.host}/x`,
    `sftp://${ssh.host}/x`,
  ];
  // The server of this process must answer it.
  const doctor = [
    process.execPath,
    CLI,
    ...args,
    ...header,
    'doctor',
    '--bundle',
    bundle,
    '--json',
    mnt,
    ...urls,
  ];
  const examined = await run('env', [`D7Y_TEST_SECRET=${MARK}-variable`, ...doctor]);
  outputs['doctor'] = examined.stdout + examined.stderr;
  t.true(outputs['doctor'].includes('credentials'), outputs['doctor']);
  outputs['bundle'] = (await shell('tar -xzOf "$1"', bundle)).stdout;
  for (const part of ['"checks"', 'sources:', '"schema":1', 'd7y_mount_info', '"level":'])
    t.true(outputs['bundle'].includes(part), part);
  const broken = join(directory, 'broken.yaml');
  const faults = text
    .replaceAll('credentials: {', 'credentials: { oops: 1, ')
    .replace(/telling: .*/, `telling: ${MARK}`);
  await writeFile(broken, faults);
  outputs['show'] = program('config', 'show', '--origin');
  outputs['check'] = program('config', 'check', broken) + program('config', 'check');
  outputs['usage'] = program('--plugin-option', MARK, mnt) + program(`--heeder=${MARK}`, mnt);

  const mount = await findMount(mnt);
  const pid = (mount && (await servingProcess(mount)))?.pid ?? 0;
  t.true(pid > 0);
  await writeFile(config, text.replace('user: ada', 'usr: ada'));
  process.kill(pid, 'SIGHUP');
  await until('the reload is logged', async () => /it stays as it was/.test(await readFile(log, 'utf8')));
  outputs['cmdline'] = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  outputs['log'] = await readFile(log, 'utf8');
  outputs['names in the cache'] = (await readdir(cache, { recursive: true })).join('\n');
  outputs['ps'] = (await run('ps', ['-eo', 'args'])).stdout
    .split('\n')
    .filter((line) => line.includes(mnt))
    .join('\n');
  for (const [place, output] of Object.entries(outputs))
    t.deepEqual(found(output), [], `${place}: ${output.slice(0, 2_000)}`);
  t.true(
    (outputs['log'] ?? '').length > 500 && (outputs['ps'] ?? '').length > 0 && outputs['.plugins'] !== '',
  );

  const contents = await shell('cat $(find "$1" -type f)', cache);
  t.deepEqual(found(contents.stdout), [], 'what is in the cache');
  if (process.getuid?.() !== 0) return;
  const asNobody = { uid: NOBODY, gid: NOBODY, encoding: 'utf8' } as const;
  for (const path of [`/proc/${pid}/environ`, `/proc/${pid}/mem`, config, file, log]) {
    t.not(spawnSync('head', ['-c', '1', path], asNobody).status, 0, path);
  }
  const seen = spawnSync(
    'sh',
    ['-c', `cat /proc/${pid}/* /proc/${pid}/task/*/comm 2>/dev/null; ls -l /proc/${pid}`],
    asNobody,
  );
  t.deepEqual(found(seen.stdout + seen.stderr), [], 'what another user sees of the process');
});
