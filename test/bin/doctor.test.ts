/** `d7y-mount doctor` names what is wrong with set-ups that are really broken, and nothing where none is. */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import type { CheckResult, CheckState } from '../../bin/doctor/check.js';
import { servingProcess, whenProcessEnded } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { PASSWORD, startWebdav } from '../servers/webdav.js';
import { createCertificate } from '../support/certificate.js';
import { asRootForOthersSerially, asRootSerially, testWhere } from '../support/conditional-test.js';
import { examined, problemsIn, resultsOf } from '../support/doctor.js';
import { createExpiredCertificate } from '../support/expired-certificate.js';
import { startFakeDfdaemon } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { startFaultServer } from '../support/fault-server.js';
import { CLI, mounted, run } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { freePort, untilConnects } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const NOBODY = '65534';

function has(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

function testWith(program: string): ReturnType<typeof testWhere> {
  return testWhere(has(program), program, test.serial);
}

/** One result of the check, with a fix. */
function named(
  t: ExecutionContext,
  results: readonly CheckResult[],
  id: string,
  state: CheckState,
): CheckResult {
  const [found, ...others] = resultsOf(results, id);
  if (found === undefined || others.length > 0) throw new Error(JSON.stringify(results, undefined, 1));
  t.is(found.state, state, found.message);
  t.truthy(found.fix, found.message);
  return found;
}

/** Of the command in a mount namespace of its own, in which `script` has broken something. */
async function examinedAfter(t: ExecutionContext, script: string, ...args: string[]): Promise<CheckResult[]> {
  const command = `${script}; exec "$@"`;
  const program = [process.execPath, CLI, ...args, '--json'];
  const { code, stdout, stderr } = await run('unshare', ['-m', 'sh', '-ec', command, 'sh', ...program]);
  t.true(code === 0 || code === 4, stderr);
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly CheckResult[] };
  t.is(code, checks.some(({ state }) => state === 'fail') ? 4 : 0);
  return [...checks];
}

async function configured(t: ExecutionContext, text: string): Promise<{ readonly config: string }> {
  const config = join(await temporaryDirectory(t), 'config.yaml');
  await writeFile(config, text, { mode: 0o600 });
  return { config };
}

async function served(
  t: ExecutionContext,
  directives = '',
): Promise<{ readonly host: string; readonly url: string }> {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'file.bin'), Buffer.alloc(100_000));
  const { host } = await startNginx(t, { root, serverDirectives: directives });
  return { host, url: `http://${host}/file.bin` };
}

test.serial('a healthy set-up fails in nothing', async (t) => {
  const { host, url } = await served(t);
  const { config } = await configured(
    t,
    `sources: [{ match: { scheme: http, host: '${host}', path: /file.bin } }]\n`,
  );
  const mountpoint = await mounted(t, '--config', config);
  const cacheDir = join(await temporaryDirectory(t), 'cache');
  for (const targets of [[url], [mountpoint]]) {
    const results = await examined(targets, { config, cacheDir });
    t.deepEqual(
      results.filter(({ state }) => state === 'fail'),
      [],
    );
    for (const id of ['url', 'ranges', 'validators', 'precondition', 'clock', 'config', 'cache']) {
      const [found] = resultsOf(results, id);
      t.is(found?.state, 'ok', `${id}: ${found?.message}`);
    }
  }
  const { code, stdout } = await run(process.execPath, [CLI, 'doctor', url, mountpoint]);
  t.is(code, 0, stdout);
  t.regex(stdout, /^ok +url: http:\/\/.* is a file of 100000 bytes, in \d+ ms$/m);
  t.regex(stdout, /^ok +node, config, /m);
  t.true(stdout.split('\n').length < 24, 'it is one screen');
});

test.serial('a server of webdav is reached by http, and by its credentials', async (t) => {
  const server = await startWebdav(t, 'nginx dav-ext');
  await server.put('file.bin', Buffer.alloc(100_000));
  const { host } = new URL(server.origin);
  const rule = `{ match: { scheme: webdav, host: '${host}' }, credentials: { user: ada, password: ${PASSWORD} } }`;
  const results = await examined([`webdav://${host}/file.bin`], await configured(t, `sources: [${rule}]\n`));
  t.deepEqual(
    results.filter(({ state }) => state === 'fail'),
    [],
  );
  t.regex(resultsOf(results, 'url')[0]?.message ?? '', /is a file of 100000 bytes/);
});

testWhere(
  SSHD_MISSING === undefined,
  SSHD_MISSING ?? '',
  test.serial,
)('a server of ssh is asked for no certificate', async (t) => {
  const server = await startSshd(t);
  const { host, user, directory, knownHosts } = server;
  await server.authorize('key');
  const credentials = `credentials: { user: ${user}, keyFile: '${directory}/key' }`;
  const rule = `{ match: { scheme: sftp, host: '${host}' }, knownHostsFile: ${knownHosts}, ${credentials} }`;
  const results = await examined([], await configured(t, `sources: [${rule}]\n`));
  t.deepEqual(
    // The mounts of other tests are examined too, and some of those fail.
    results.filter(({ id, state }) => (state === 'fail' && id !== 'mount') || id === 'tls'),
    [],
  );
  t.is(resultsOf(results, 'url')[0]?.state, 'ok');
});

test.serial('a registry without TLS is asked for no certificate', async (t) => {
  const { host } = await served(t);
  const results = await examined([`oras://${host}/repository:tag/file`]);
  t.is(resultsOf(results, 'url')[0]?.state, 'fail');
  t.deepEqual(resultsOf(results, 'tls'), []);
});

asRootSerially('no /dev/fuse', async (t) => {
  const script = 'mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9';
  const found = named(t, await examinedAfter(t, script, 'doctor'), 'device', 'fail');
  t.is(found.message, '/dev/fuse is missing');
  t.regex(found.fix ?? '', /modprobe fuse|--device \/dev\/fuse/);
});

(has('capsh') ? asRootSerially : testWith('capsh'))('root without the right to mount', async (t) => {
  const args = [
    '--drop=cap_sys_admin',
    '--',
    '-c',
    'exec "$0" "$@"',
    process.execPath,
    CLI,
    'doctor',
    '--json',
  ];
  const { code, stdout } = await run('capsh', args);
  t.is(code, 4);
  const found = named(t, (JSON.parse(stdout) as { checks: CheckResult[] }).checks, 'privilege', 'fail');
  t.regex(found.message, /CAP_SYS_ADMIN/);
});

asRootForOthersSerially('no user_allow_other, for an ordinary user', async (t) => {
  const directory = await temporaryDirectory(t);
  const empty = join(directory, 'fuse.conf');
  await writeFile(empty, '# user_allow_other\n');
  const script = `mount --bind ${empty} /etc/fuse.conf; export HOME=/nonexistent; unset XDG_CACHE_HOME XDG_CONFIG_HOME; set -- setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups "$@"`;
  const found = named(t, await examinedAfter(t, script, '--allow-other', 'doctor'), 'allow-other', 'fail');
  t.regex(found.fix ?? '', /echo user_allow_other >> \/etc\/fuse\.conf/);
});

asRootSerially('the disk of the cache is full', async (t) => {
  const directory = await temporaryDirectory(t);
  const script = `mount -t tmpfs -o size=8m,mode=700 tmpfs ${directory}; head -c 8m /dev/zero > ${directory}/other || true`;
  const results = await examinedAfter(t, script, '--cache-dir', join(directory, 'cache'), 'doctor');
  const found = named(t, results, 'cache-space', 'fail');
  t.regex(found.message, /is full: 0\.0 MiB of 8\.0 MiB are free/);
  t.regex(found.fix ?? '', /df -h/);
  t.true(
    resultsOf(results, 'cache').some(({ state, message }) => state === 'warn' && message.includes('tmpfs')),
  );
});

test.serial('others can write to the cache directory', async (t) => {
  const cacheDir = await temporaryDirectory(t);
  await chmod(cacheDir, 0o777);
  const found = named(t, await examined([], { cacheDir }), 'cache', 'fail');
  t.regex(found.message, /others may write to it \(mode 777\); chmod go-w it/);
});

testWith('python3')('an origin without ranges', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'file.bin'), Buffer.alloc(100_000));
  const port = await freePort();
  const server = spawn('python3', ['-m', 'http.server', String(port), '--bind', '127.0.0.1', '-d', root], {
    stdio: 'ignore',
  });
  t.teardown(() => server.kill('SIGKILL'));
  await untilConnects(port);
  const results = await examined([`http://127.0.0.1:${port}/file.bin`]);
  const found = named(t, results, 'ranges', 'warn');
  t.regex(found.message, /ignores ranges/);
});

test.serial('an origin that compresses, and one that answers another range', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    if (request.url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
    else response.writeHead(206, { 'content-range': 'bytes 5-9/10', 'content-length': 5 }).end('12345');
  });
  const results = await examined([`${server.origin}/gzip`, `${server.origin}/range`]);
  const [gzip, range] = resultsOf(results, 'url');
  t.like(gzip, { state: 'fail' });
  t.regex(gzip?.fix ?? '', /no gzip/);
  t.like(range, { state: 'fail' });
  t.regex(range?.message ?? '', /wrong range/);
});

test.serial('no version, and no precondition', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    const header = request.url === '/none' ? {} : { etag: '"1"' };
    response.writeHead(206, { 'content-range': 'bytes 0-0/1', 'content-length': 1, ...header }).end('x');
  });
  const results = await examined([`${server.origin}/none`, `${server.origin}/tag`]);
  t.deepEqual(
    resultsOf(results, 'validators').map(({ state }) => state),
    ['warn', 'ok'],
  );
  t.regex(resultsOf(results, 'precondition')[0]?.message ?? '', /If-Match is ignored/);
});

test.serial('a proxy that is dead', async (t) => {
  const port = await freePort();
  const program = [CLI, 'doctor', 'http://origin.test/file', '--json'];
  const { code, stdout } = await run('env', [
    `http_proxy=http://user:hunter2@127.0.0.1:${port}`,
    process.execPath,
    ...program,
  ]);
  t.is(code, 4);
  t.false(stdout.includes('hunter2'));
  const found = named(t, (JSON.parse(stdout) as { checks: CheckResult[] }).checks, 'proxy', 'fail');
  t.regex(
    found.message,
    new RegExp(`127\\.0\\.0\\.1:${port} \\(for origin\\.test\\) takes no connections \\(ECONNREFUSED\\)`),
  );
});

test.serial('a clock that is wrong', async (t) => {
  const server = await startFaultServer(t, (_, response) => {
    response.writeHead(200, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end('content');
  });
  const found = named(t, await examined([`${server.origin}/file`]), 'clock', 'fail');
  t.regex(found.message, /is 60 min behind this machine's/);
  t.regex(found.fix ?? '', /timedatectl set-ntp true/);
  const { url } = await served(t);
  t.is(
    named(t, await examined([`${server.origin}/file`, url]), 'clock', 'warn').message,
    found.message.replace(/: signed.*/, ''),
    'another host has the time of this machine',
  );
});

test.serial('a dfdaemon that serves, one that cannot, and one that is dead', async (t) => {
  const { host, url } = await served(t);
  const dfdaemon = await startFakeDfdaemon(t);
  const rule = `sources: [{ match: { scheme: http, host: '${host}' }, p2p: true }]\n`;
  const { config } = await configured(t, `p2p: { proxy: '${dfdaemon.origin}' }\n${rule}`);
  const well = resultsOf(await examined([url], { config }), 'p2p');
  t.deepEqual(
    well.filter(({ state }) => state !== 'ok'),
    [],
  );
  t.is(well.at(-1)?.message, `dfdaemon serves ${url}`);
  t.is(dfdaemon.requests.at(-1)?.header['x-dragonfly-use-p2p'], 'true');
  dfdaemon.add({ answer: { status: 500, header: { 'x-dragonfly-error-type': 'dfdaemon' } } });
  const broken = resultsOf(await examined([url], { config }), 'p2p').at(-1);
  t.like(broken, {
    state: 'fail',
    message: `dfdaemon does not serve ${url} (status 500, error of dfdaemon)`,
  });
  await dfdaemon.kill();
  t.regex(
    named(t, await examined([url], { config }), 'p2p', 'fail').message,
    /takes no connections \(ECONNREFUSED\)/,
  );
  const { config: without } = await configured(t, rule);
  named(t, await examined([url], { config: without }), 'p2p', 'warn');
});

asRootSerially('a mount whose process was killed', async (t) => {
  const mountpoint = await mounted(t);
  const mount = await findMount(mountpoint);
  const server = mount && (await servingProcess(mount));
  if (mount === undefined || server === undefined) throw new Error('no mount');
  process.kill(server.pid, 'SIGKILL');
  t.true(await whenProcessEnded(server, 30_000));
  // The process of another test's mount, which had the same device number before, may still be ending.
  await until('all have ended', async () => (await servingProcess(mount)) === undefined);
  const found = named(t, await examined([mountpoint]), 'mount', 'fail');
  t.regex(found.message, /is dead: its process has ended/);
  t.is(
    found.fix,
    `\`d7y-mount unmount ${mountpoint}\` removes it; \`d7y-mount ${mountpoint}\` replaces it by a new mount`,
  );
  const below = await examined([join(mountpoint, 'dfs/host/file')]);
  t.is(named(t, below, 'mount', 'fail').message, found.message);
  t.regex(resultsOf(below, 'url')[0]?.message ?? '', /^dfs:\/\/host\/file is a file/);
});

asRootSerially('a mount that another one hides, and one that is stopped', async (t) => {
  const mountpoint = await mounted(t);
  const script = `mount -t tmpfs tmpfs ${mountpoint}`;
  const found = named(t, await examinedAfter(t, script, 'doctor'), 'hidden', 'warn');
  t.regex(found.fix ?? '', /umount/);
  const mount = await findMount(mountpoint);
  const server = mount && (await servingProcess(mount));
  if (server === undefined) throw new Error('no mount');
  process.kill(server.pid, 'SIGSTOP');
  try {
    const results = await examined([mountpoint]);
    t.regex(named(t, results, 'mount', 'fail').message, /does not answer/);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
});

test.serial('nothing is mounted there', async (t) => {
  const directory = await temporaryDirectory(t);
  const found = named(t, await examined([directory]), 'mount', 'fail');
  t.is(found.message, `nothing of d7y-mount is mounted at ${directory}`);
});

test.serial('a configuration with faults', async (t) => {
  const { config } = await configured(t, 'metadtaTtl: 1s\n');
  const found = named(t, await examined([], { config }), 'config', 'fail');
  t.regex(found.message, /config\.yaml:1:1 metadtaTtl: expected .*; nearest: metadataTtl/);
  t.regex(found.fix ?? '', /d7y-mount config check/);
});

test.serial(
  'a certificate that has expired, one that ends soon, and one of an authority that is not known',
  async (t) => {
    const root = await temporaryDirectory(t);
    await writeFile(join(root, 'file.bin'), 'content');
    const start = async (tls: { certificate: string; key: string }): Promise<string> =>
      (await startNginx(t, { root, tls })).host;
    const [old, soon] = [
      await createExpiredCertificate(t, 'IP:127.0.0.1'),
      await createCertificate(t, 'IP:127.0.0.1'),
    ];
    const [oldHost, soonHost] = [await start(old), await start(soon)];
    const rule = (host: string, ca: string): string =>
      `  - { match: { scheme: https, host: '${host}' }, tls: { ca: ${ca} } }\n`;
    const { config } = await configured(
      t,
      `sources:\n${rule(oldHost, old.certificate)}${rule(soonHost, soon.certificate)}`,
    );
    const ofOld = await examined([`https://${oldHost}/file.bin`], { config });
    t.regex(named(t, ofOld, 'tls', 'fail').message, /has expired \(\d{4}-\d\d-\d\d\)/);
    t.like(named(t, ofOld, 'url', 'fail'), { fix: 'the lines of `tls` say more' });
    const ofSoon = await examined([`https://${soonHost}/file.bin`], { config });
    t.regex(named(t, ofSoon, 'tls', 'warn').message, /ends in 1 day /);
    const unknown = named(t, await examined([`https://${soonHost}/file.bin`]), 'tls', 'fail');
    t.regex(unknown.message, /of an authority that is not trusted \(.*SELF_SIGNED/);
    t.regex(unknown.fix ?? '', /tls: \{ ca: /);
  },
);

test.serial('a secret that is missing, one that others can read, and one that is refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const password = join(directory, 'htpasswd');
  await writeFile(password, 'ada:{PLAIN}right\n');
  const { host, url } = await served(t, `auth_basic x; auth_basic_user_file ${password};`);
  const secret = join(directory, 'secret');
  const { config } = await configured(
    t,
    `sources: [{ match: { scheme: http, host: '${host}' }, credentials: { user: ada, password: 'file:${secret}' } }]\n`,
  );
  const missing = await examined([url], { config });
  t.regex(
    named(t, missing, 'secrets', 'fail').message,
    /secret cannot be read \(No such file or directory\)/,
  );
  t.is(named(t, missing, 'credentials', 'fail').fix, 'the lines of `secrets` say more');

  await writeFile(secret, 'hunter2-wrong', { mode: 0o644 });
  const wrong = await examined([url], { config });
  t.is(named(t, wrong, 'secrets', 'warn').fix, `\`chmod 600 ${secret}\``);
  t.regex(
    named(t, wrong, 'credentials', 'fail').message,
    /the password of .*config\.yaml:1: refused \(status 401, which asks for basic\)/,
  );
  t.false(JSON.stringify(wrong).includes('hunter2'));

  await writeFile(secret, 'right');
  await chmod(secret, 0o600);
  t.deepEqual(
    problemsIn(await examined([url], { config })).filter((one) => /secrets|credentials|url/.test(one)),
    [],
  );
  t.regex(named(t, await examined([url]), 'credentials', 'fail').message, /no credentials are configured/);
});

test.serial('a name without an address, and a scheme without a source', async (t) => {
  const results = await examined(['https://no-such-host.invalid/file', 'nosuch://host/file']);
  t.regex(
    named(t, results, 'dns', 'fail').message,
    /^no-such-host\.invalid (?:has no address|cannot be resolved)/,
  );
  t.true(resultsOf(results, 'url').some(({ message }) => message.includes('no source client found')));
});

test.serial('a bundle is for its owner, and replaces no file', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'bundle.tar.gz');
  await mkdir(join(directory, 'out'));
  const command = [CLI, 'doctor', '--bundle', file];
  const { code, stdout } = await run(process.execPath, command);
  t.true(code === 0 || code === 4);
  t.regex(stdout, /look into it before you pass it on/);
  const { stdout: listed } = await run('tar', ['-tvzf', file]);
  for (const name of ['doctor.json', 'versions.json', 'config.yaml', 'system.txt', 'mountinfo.txt'])
    t.true(listed.includes(`d7y-mount/${name}`), listed);
  t.is((await run('stat', ['-c', '%a', file])).stdout, '600\n');
  t.is((await run('tar', ['-xzf', file, '-C', join(directory, 'out')])).code, 0);
  const again = await run(process.execPath, command);
  t.is(again.code, 1);
  t.regex(again.stderr, /is there already/);
});
