/** Permissions over ftp: by facts, and by the lines of LIST. */
import test, { type ExecutionContext } from 'ava';

import { Request } from '../../src/source/request.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { parseFacts } from '../../src/source/schemes/ftp/ftp-facts.js';
import { parseListLine } from '../../src/source/schemes/ftp/list-line.js';
import { read, stat } from '../support/conformance/reading.js';
import { ftpClient } from '../support/ftp-client.js';
import { type FtpFault, type FtpFaultServer, startFtpFaultServer } from '../support/ftp-fault-server.js';

test('of facts, that of Unix has permissions', (t) => {
  for (const [facts, mode] of [
    ['type=file;size=1;UNIX.mode=0755;', 0o755],
    ['type=file;unix.mode=0o4644;', 0o4644],
    ['type=dir;UNIX.mode=0700;', 0o700],
    ['type=file;UNIX.mode=;', undefined],
    ['type=file;UNIX.mode=0855;', undefined],
    ['type=file;UNIX.mode=rwxr-xr-x;', undefined],
    ['type=file;perm=r;', undefined],
    // Of ProFTPD, which is queried about directories in another way.
    ['type=dir;unique=FE00U99AA0B;UNIX.mode=0700;', undefined],
    ['type=file;unique=FE00U99AA0B;UNIX.mode=0700;', 0o700],
  ] as const) {
    t.is(parseFacts(`${facts} name`)?.stat.mode, mode, facts);
  }
});

test('of lines for people, those of files have permissions', (t) => {
  for (const [line, mode] of [
    ['-rwxr-x--- 1 ada staff 3 Nov 29 10:27 name', 0o750],
    ['-rwsr-Sr-t 1 ada staff 3 Nov 29 10:27 name', 0o745],
    ['-rw-------+ 1 ada staff 3 Nov 29 10:27 name', 0o600],
    ['drwxr-xr-x 1 ada staff 3 Nov 29 10:27 name', undefined],
    ['lrwxrwxrwx 1 ada staff 3 Nov 29 10:27 name -> target', undefined],
    ['crw-rw-rw- 1 ada staff 3 Nov 29 10:27 name', undefined],
    ['11-29-25  10:27AM       3 name', undefined],
  ] as const) {
    t.is(parseListLine(line, Date.now())?.mode, mode, line);
  }
});

interface Faulty {
  readonly server: FtpFaultServer;
  readonly client: CompleteClient;
  readonly url: string;
  readonly taken: () => string[];
}

async function setUp(t: ExecutionContext, listed: string | Partial<FtpFault>): Promise<Faulty> {
  const server = await startFtpFaultServer(t, { lacks: ['MLST', 'MLSD'] });
  server.put('/dir/file', 'content');
  const fault = typeof listed === 'string' ? { sends: () => [listed] } : listed;
  server.add({ command: 'LIST', ...fault });
  const client = ftpClient(t, { retries: 0 });
  const url = `ftp://${server.host}/dir/file`;
  await stat(client, url);
  const taken = (): string[] => server.commands.splice(0);
  taken();
  return { server, client, url, taken };
}

test('a server without facts lists a file by its path', async (t) => {
  for (const name of ['file', '/dir/file']) {
    const { client, url, taken } = await setUp(t, `-rwx------ 1 a b 7 Nov 29 2024 ${name}\r\n`);
    t.is((await stat(client, url)).mode, 0o700);
    t.deepEqual(taken(), ['SIZE /dir/file', 'MDTM /dir/file', 'EPSV', 'LIST -a /dir/file']);
    t.is((await read(client, url)).toString(), 'content');
    t.false(
      taken().some((command) => command.startsWith('LIST')),
      'reads need none',
    );
    await stat(client, `ftp://${new URL(url).host}/dir`);
    t.false(
      taken().some((command) => command.startsWith('LIST')),
      'nor do directories',
    );
  }
});

test('a name with wildcards is listed by what it matches', async (t) => {
  const { client, server, taken } = await setUp(
    t,
    '-rwxr-xr-x 1 a b 7 Nov 29 2024 another{1}\r\n-rw------- 1 a b 7 Nov 29 2024 a*[b]\\{1}?\r\n',
  );
  server.put('/d*/a*[b]\\{1}?', 'content');
  t.is((await stat(client, `ftp://${server.host}/d*/${encodeURIComponent('a*[b]\\{1}?')}`)).mode, 0o600);
  t.is(taken().at(-1), 'LIST -a /d*/a??b???1??');
});

test('a file has none where it cannot be listed by itself', async (t) => {
  for (const listed of [
    '-rwxr-xr-x 1 a b 7 Nov 29 2024 another\r\n',
    'lrwxrwxrwx 1 a b 7 Nov 29 2024 file -> another\r\n',
    'drwxr-xr-x 1 a b 7 Nov 29 2024 file\r\n',
    'what is this\r\n',
    '',
    { reply: '550 No such file' },
    { reply: '450 No such file' },
    { reply: '501 Bad parameter' },
  ]) {
    const { client, url, server } = await setUp(t, listed);
    t.is((await stat(client, url)).mode, undefined);
    t.is((await read(client, url)).toString(), 'content');
    t.is(server.sessions.length, 1, 'the session goes on');
    server.clear();
    const names = (await client.list(new Request(url.replace('/file', '/')))).map(({ name }) => name);
    t.deepEqual(names, ['file']);
    t.true(server.commands.includes('LIST -a'), 'it is asked for hidden files all the same');
  }
});

test('a lost data connection is a failure, not a file without permissions', async (t) => {
  const { client, url, server } = await setUp(t, '');
  for (const reply of ['425 No data connection', '426 Cut']) {
    server.clear();
    server.add({ command: 'LIST', reply });
    await t.throwsAsync(stat(client, url), { message: /data connection/ });
  }
});

test('a server that lists no permissions is not asked again', async (t) => {
  const { client, url, taken } = await setUp(t, '11-29-24  10:27AM       7 file\r\n');
  t.is((await stat(client, url)).mode, undefined);
  t.deepEqual(taken(), ['SIZE /dir/file', 'MDTM /dir/file']);
});

test('the fact is asked for where a server has it, with all others', async (t) => {
  const server = await startFtpFaultServer(t);
  server.put('/file', 'x');
  server.add({
    command: 'FEAT',
    reply: '211-Features\r\n MLST type*;size*;modify*;unix.mode;\r\n211 End',
  });
  server.add({ command: 'MLST', reply: '250-Here\r\n type=file;size=1;UNIX.mode=0750; /file\r\n250 End' });
  t.is((await stat(ftpClient(t), `ftp://${server.host}/file`)).mode, 0o750);
  t.true(server.commands.includes('OPTS MLST type;size;modify;unique;unix.mode;'));
  t.false(server.commands.some((command) => command.startsWith('LIST')));
});
