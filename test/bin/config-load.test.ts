import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { type Configuration } from '../../bin/config/configuration.js';
import { loadConfiguration } from '../../bin/config/load-configuration.js';
import { SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import { SourceRules } from '../../src/source/source-rules.js';
import { temporaryDirectory } from '../support/temp.js';

/** The home directory of nobody, so that no test finds the files of who runs it. */
async function emptyHome(t: ExecutionContext): Promise<string> {
  return await temporaryDirectory(t);
}

async function put(path: string, text: string, mode = 0o600): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

async function load(
  t: ExecutionContext,
  text: string,
  environment: NodeJS.ProcessEnv = {},
  mode?: number,
): Promise<Configuration> {
  const config = await put(join(await temporaryDirectory(t), 'config.yaml'), text, mode);
  return await loadConfiguration({ config }, environment);
}

async function faults(
  t: ExecutionContext,
  text: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<string[]> {
  const config = await put(join(await temporaryDirectory(t), 'config.yaml'), text);
  const error = await t.throwsAsync(loadConfiguration({ config }, environment), { code: 'CONFIGURATION' });
  return error.message.split('\n').map((line) => line.replace(`${config}:`, ''));
}

async function credentialsOf(configuration: Configuration, url: string): Promise<unknown> {
  const settings = new SourceRules(configuration.rules).settingsFor(new URL(url));
  const { credentials } = settings as { credentials?: { token?: { get(): Promise<{ reveal(): string }> } } };
  return (await credentials?.token?.get())?.reveal();
}

test('what comes later wins: defaults, the file, the environment, the command line', async (t) => {
  const text = 'cacheSize: 50GiB\nmetadataTtl: 10s\nretries: 7\nexec: false\npluginDir: [/a, ~/b]\n';
  const config = await put(join(await emptyHome(t), 'config.yaml'), text);
  const { options, origins } = await loadConfiguration(
    { config, retries: 9 },
    { D7Y_MOUNT_METADATA_TTL: '20s', D7Y_MOUNT_RETRIES: '8' },
  );
  t.like(options, {
    cacheSize: 50 * 2 ** 30,
    metadataTtl: 20_000,
    retries: 9,
    exec: false,
    negativeTtl: 5_000,
    pluginDir: ['/a', join(process.env['HOME'] ?? '', 'b')],
  });
  t.like(origins, {
    cacheSize: `${config}:1`,
    metadataTtl: 'D7Y_MOUNT_METADATA_TTL',
    retries: '--retries',
    exec: `${config}:4`,
  });
  t.is(origins.negativeTtl, undefined);
});

test('a setting is written in the form that the option has', async (t) => {
  const text = 'memory: 1MiB\numask: 022\nmetadataTtl: 5\nlogLevel: loud\nallowOther: yes\n';
  t.deepEqual(await faults(t, text), [
    "1:9 memory: expected a size such as 64MiB, at least 8MiB, found '1MiB'",
    "2:8 umask: expected an octal mode such as '022', found '22'",
    "3:14 metadataTtl: expected a duration such as 30s, found '5'",
    "4:11 logLevel: expected fatal, error, warn, info, debug or trace, found 'loud'",
    "5:13 allowOther: expected true or false, found 'yes'",
  ]);
});

test('an unknown key is refused, with its place, what was expected, and the nearest name', async (t) => {
  const text = [
    'cachesize: 1GiB',
    'sources:',
    '  - match: { scheme: s3, hosts: x }',
    '    region: eu',
    '  - match: { scheme: s4 }',
    '  - match: { scheme: hf }',
    '    credentials: { token: hidden, tokn: hidden }',
    '    tls: { verify: hidden-no }',
    '    headers: { X-A: [hidden] }',
    '  - plain',
    'policy: { denny: [] }',
    '',
  ].join('\n');
  const found = await faults(t, text);
  t.deepEqual(
    found.filter((line) => !line.startsWith('1:1 ')),
    [
      '3:26 sources[0].match.hosts: expected scheme, host, path, found hosts; nearest: host',
      `5:22 sources[1].match.scheme: expected ${Object.keys(SETTINGS_SCHEMAS).join(', ')}, found s4; nearest: s3`,
      '7:35 sources[2].credentials.tokn: expected token, found tokn; nearest: token',
      "8:20 sources[2].tls.verify: expected true or false, found 'hidden-no'",
      '9:21 sources[2].headers.x-a: expected text (a number in quotes), file:PATH with a path that begins with / or ~/, or { command: [PROGRAM, …] }, found a list',
      '10:5 sources[3]: expected a rule: a mapping with match and settings',
      '11:11 policy.denny: expected allow, deny, found denny; nearest: deny',
    ],
  );
  t.regex(found.join('\n'), /^1:1 cachesize: expected .*cacheSize.*, found cachesize; nearest: cacheSize$/m);
});

test('what is no YAML is refused with its place, and without its text', async (t) => {
  t.deepEqual(await faults(t, 'a: 1\na: hidden\n'), ['2:1: expected YAML, found a key twice']);
  t.deepEqual(await faults(t, 'memory: *hidden\n'), [
    '1:9: expected YAML, found an alias (*) without its anchor',
  ]);
  t.regex((await faults(t, 'memory: "hidden\n')).join(), /^\d:\d+: expected YAML, found (?!.*hidden)/);
  t.regex((await faults(t, 'memory: !!hidden 1\n')).join(), /expected YAML, found a tag that is not known$/);
  t.deepEqual(await faults(t, '- hidden\n'), ['1:1: expected a mapping, found a list']);
  const aliases = `a: &a [1]\nb: [${'*a,'.repeat(60)}]\n`;
  t.regex((await faults(t, aliases)).join(), /aliases|expected/);
  t.is((await load(t, '')).options.retries, 3);
});

test('a secret that is not where it belongs is in no message', async (t) => {
  const text = [
    'timeout: "${SECRET}"',
    'sources:',
    '  - match: { scheme: hf }',
    '    credentials: hidden',
    '  - match: { scheme: https }',
    '    credentials: { user: [hidden], password: 1 }',
    '    proxy: hidden',
    '  - match: { scheme: https, host: "ada:hidden@host" }',
    '  - match: { scheme: s3 }',
    '    endpoint: https://ada:hidden@host/',
    '    tls: { key: "-----BEGIN hidden" }',
    '    token: hidden',
    'plugins: { x: [hidden], y: { key: 1 } }',
    '',
  ].join('\n');
  const found = await faults(t, text, { SECRET: 'hidden' });
  t.true(found.length >= 10, found.join('\n'));
  t.notRegex(found.join('\n'), /hidden/);
});

test('variables of the environment stand in any value', async (t) => {
  const text =
    'cacheSize: "${SIZE}"\nsources:\n- match: { scheme: hf }\n  credentials: { token: "a${B}$${C}" }\n';
  const found = await load(t, text, { SIZE: '1GiB', B: 'b' });
  t.is(found.options.cacheSize, 2 ** 30);
  t.is(await credentialsOf(found, 'hf://owner/repo'), 'ab${C}');
  t.deepEqual(await faults(t, text, { SIZE: '1GiB' }), [
    '4:25 sources[0].credentials.token: expected the variable B in the environment, found none',
  ]);
});

test('files: the system file, the parts beside it, then the own one; rules of later files go before equal ones', async (t) => {
  const [directory, home] = [await temporaryDirectory(t), await emptyHome(t)];
  const rule = (token: string): string =>
    `sources:\n- match: { scheme: hf }\n  credentials: { token: ${token} }\n- match: { scheme: hf }\n  revision: ${token}\n`;
  const config = await put(
    join(directory, 'config.yaml'),
    `retries: 1\ntimeout: 1s\nmetadataTtl: 1s\n${rule('first')}`,
  );
  await put(join(directory, 'config.d', '20.yaml'), 'timeout: 3s\n');
  await put(join(directory, 'config.d', '10.yaml'), 'timeout: 2s\nmetadataTtl: 2s\n');
  await put(join(directory, 'config.d', 'README'), 'no YAML: [');
  await put(join(home, 'd7y-mount', 'config.yaml'), rule('own'));
  const found = await loadConfiguration({}, { XDG_CONFIG_HOME: home }, config);
  t.like(found.options, { retries: 1, timeout: 3_000, metadataTtl: 2_000 });
  t.deepEqual(
    found.files.map((path) => path.replace(directory, '').replace(home, '')),
    ['/config.yaml', '/config.d/10.yaml', '/config.d/20.yaml', '/d7y-mount/config.yaml'],
  );
  t.is(await credentialsOf(found, 'hf://owner/repo'), 'own');
  const chosen = await loadConfiguration({ config }, { XDG_CONFIG_HOME: home });
  t.is(await credentialsOf(chosen, 'hf://owner/repo'), 'first');
  t.is(chosen.options.timeout, 1_000, 'a file that is given is read alone');
  await t.throwsAsync(loadConfiguration({ config: join(directory, 'none') }, {}), {
    message: /none: cannot be read \(ENOENT\)$/,
  });
});

test('a file that others can write to is refused, also by way of its directory', async (t) => {
  const directory = await temporaryDirectory(t);
  const config = await put(join(directory, 'own', 'config.yaml'), 'retries: 1\n', 0o666);
  await t.throwsAsync(loadConfiguration({ config }, {}), {
    message: /is not trusted: others may write to it \(mode 666\)/,
  });
  await chmod(config, 0o600);
  t.is((await loadConfiguration({ config }, {})).options.retries, 1);
  await chmod(dirname(config), 0o777);
  await t.throwsAsync(loadConfiguration({ config }, {}), { message: /own is not trusted/ });
  await chmod(dirname(config), 0o700);
  const link = join(directory, 'link.yaml');
  await symlink(config, link);
  t.is((await loadConfiguration({ config: link }, {})).options.retries, 1);
  if (process.getuid?.() !== 0) return;
  await chown(config, 65_534, 65_534);
  await t.throwsAsync(loadConfiguration({ config: link }, {}), {
    message: /belongs to user 65534, not to root/,
  });
});

test('a secret in the clear in a file that others can read is warned of', async (t) => {
  const secret = 'sources:\n- match: { scheme: hf }\n  credentials: { token: hidden }\n';
  const { warnings } = await load(t, secret, {}, 0o644);
  t.is(warnings.length, 1);
  t.regex(
    warnings.join(),
    /config\.yaml:3: holds a secret, and other users can read the file; chmod 600 it$/,
  );
  t.deepEqual((await load(t, secret, {}, 0o600)).warnings, []);
  for (const harmless of ['"${HOME}"', 'file:/run/x', '{ command: [x] }']) {
    const text = secret.replace('hidden', harmless);
    t.deepEqual((await load(t, text, { HOME: '/' }, 0o644)).warnings, [], harmless);
  }
  t.deepEqual((await load(t, 'sources:\n- match: {}\n  tls: { key: /x, ca: /y }\n', {}, 0o644)).warnings, []);
});

test('plugins get their options, and secrets of files among them', async (t) => {
  const file = await put(join(await temporaryDirectory(t), 'key'), 'hidden\n');
  const config = await put(
    join(await temporaryDirectory(t), 'config.yaml'),
    `plugins: { x: { key: "file:${file}", a: b } }`,
  );
  const given = { config, pluginOption: [{ name: 'x', key: 'a', value: 'c' }] };
  t.deepEqual((await loadConfiguration(given, {})).plugins, { x: { key: 'hidden', a: 'c' } });
  const missing = await faults(t, 'plugins: { x: { key: file:/nonexistent } }');
  t.regex(missing.join(), /^1:22 plugins\.x\.key: the configured secret cannot be read/);
});

test("headers of the command line go before rules of a file, and Dragonfly's names are settings", async (t) => {
  const config = await put(
    join(await temporaryDirectory(t), 'config.yaml'),
    'sources:\n- match: { scheme: s3, host: bucket }\n  region: file\n',
  );
  const header = [
    { origin: 's3://bucket', name: 'awsRegion', value: 'line' },
    { origin: 's3://bucket', name: 'X-A', value: 'b' },
  ];
  const { rules } = await loadConfiguration({ config, header }, {});
  const settings = new SourceRules(rules).settingsFor(new URL('s3://bucket/key'));
  t.like(settings, { region: 'line' });
  t.deepEqual(Object.keys(settings.headers ?? {}), ['x-a']);
});

test('a policy and its places', async (t) => {
  const text = 'policy:\n  deny:\n    - { address: 10.0.0.0/8 }\n    - { scheme: http, host: "*.example" }\n';
  const { policy, files } = await load(t, text);
  t.deepEqual(policy, {
    allow: [],
    deny: [
      { addresses: ['10.0.0.0/8'], origin: `${files[0]}:3` },
      { scheme: 'http', host: '*.example', origin: `${files[0]}:4` },
    ],
  });
});

test('P2P has a section, options and variables', async (t) => {
  const text = 'p2p:\n  proxy: http://127.0.0.1:4001/\n  mode: ranges\n';
  const config = await put(join(await emptyHome(t), 'config.yaml'), text);
  const { options, origins } = await loadConfiguration({ config }, {});
  t.like(options, { p2pProxy: 'http://127.0.0.1:4001', p2pMode: 'ranges' });
  t.like(origins, { p2pProxy: `${config}:2`, p2pMode: `${config}:3` });
  const environment = { D7Y_MOUNT_P2P_PROXY: 'http://10.0.0.1:4001', D7Y_MOUNT_P2P_MODE: 'stream' };
  t.like((await loadConfiguration({ config }, environment)).options, {
    p2pProxy: 'http://10.0.0.1:4001',
    p2pMode: 'stream',
  });
  t.deepEqual(await faults(t, 'p2p: { proxy: https://a:hidden@host/path, mode: streams, pxory: x }\n'), [
    '1:15 p2p.proxy: expected an http URL without credentials and path, such as http://127.0.0.1:4001, found a value that is not shown',
    "1:49 p2p.mode: expected stream or ranges, found 'streams'",
    '1:58 p2p.pxory: expected proxy, mode, found pxory',
  ]);
  t.regex(
    (await faults(t, 'p2pProxy: http://h\n')).join(),
    /1:1 p2pProxy: expected .*, p2p, .*, found p2pProxy/,
  );
});

test('a rule that shares what it cannot share is warned of', async (t) => {
  const rule = 'sources:\n  - match: { scheme: hf }\n    p2p: true\n    shareScope: team\n';
  const { warnings, rules } = await load(t, rule);
  t.regex(warnings.join('\n'), /config\.yaml:2: p2p has no effect, since p2p\.proxy names no dfdaemon/);
  t.like(rules[0]?.settings, { p2p: true, shareScope: 'team' });
  const proxy = "p2p: { proxy: 'http://h:4001' }\n";
  t.deepEqual((await load(t, proxy + rule)).warnings, []);
  const unscoped = `${proxy}${rule.replace('    shareScope: team\n', '')}`;
  t.deepEqual((await load(t, unscoped)).warnings, []);
  const { warnings: found } = await load(t, `${unscoped}    credentials: { token: secret }\n`);
  t.is(found.length, 1);
  t.regex(found.join(), /config\.yaml:3: p2p has no effect, since its credentials need a shareScope/);
});
