/** What a name is, to real programs: docs/SEMANTICS.md, "File or directory". */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { eachTransport, run, shell } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

/** Prints what each call ends with. */
const PROBE = `
import errno, os, sys, tempfile
os.chdir('/')
base = sys.argv[1]
def show(title, call):
    try: result = call()
    except OSError as e: result = errno.errorcode[e.errno]
    print(title, result)
def write(path): os.close(os.open(path, os.O_RDWR | os.O_CREAT))
show('access missing', lambda: os.access(base + '/missing', os.F_OK))
show('access file', lambda: os.access(base + '/plain', os.R_OK))
show('execute file', lambda: os.access(base + '/plain', os.X_OK))
show('enter file', lambda: os.chdir(base + '/plain'))
show('enter missing', lambda: os.chdir(base + '/missing'))
show('list missing', lambda: os.listdir(base + '/missing'))
show('write known', lambda: write(base + '/plain'))
show('write x.db', lambda: write(base + '/x.db'))
show('attribute of missing', lambda: os.getxattr(base + '/missing', 'user.d7y.url'))
show('list forbidden', lambda: os.listdir(base + '/forbidden'))
show('enter forbidden', lambda: os.chdir(base + '/forbidden'))
show('open .', lambda: os.open('.', os.O_RDONLY) > 0)
show('read in it', lambda: open('f.txt').read())
show('list it again', lambda: os.listdir('.'))
try: tempfile.mkstemp(dir=base + '/new')
except OSError as e: print('temporary file', errno.errorcode[e.errno])
`;

const EXPECTED = `access missing False
access file True
execute file False
enter file ENOTDIR
enter missing ENOENT
list missing ENOENT
write known EROFS
write x.db EROFS
attribute of missing ENOENT
list forbidden []
enter forbidden None
open . True
read in it f
list it again ['f.txt']
temporary file EROFS
`;

// S20
eachTransport('programs see what is there, though nothing was listed', async (t, mount, transport) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'forbidden'));
  for (const name of ['plain', 'x.db', 'forbidden/f.txt']) await writeFile(join(root, name), 'f');
  const serverDirectives = `location = /forbidden/ { return 403; }
    location = /page { default_type text/html; return 200 page; }
    location = /page/below { default_type application/octet-stream; return 200 below; }`;
  const nginx = await startNginx(t, { root, serverDirectives });
  const host = `${await mount()}/http/${nginx.host}`;
  const { stdout, stderr } = await run('python3', ['-c', PROBE, host]);
  t.is(stdout, EXPECTED, stderr);
  if (transport !== 'dev-fuse') return;
  const inPage = await shell('cd "$1/page" && stat -c %F . && find . && cat below && cat "$1/page"', host);
  t.is(inPage.stdout, 'directory\n.\nbelowpage', inPage.stderr);
});

eachTransport('without validators, and with nothing trusted, files are read', async (t, mount) => {
  const root = await temporaryDirectory(t);
  for (const name of ['plain', 'x.txt']) await writeFile(join(root, name), name.repeat(20_000));
  const serverDirectives = 'etag off; if_modified_since off; add_header Last-Modified "";';
  const nginx = await startNginx(t, { root, serverDirectives });
  const host = `${await mount('--metadata-ttl', '0s', '--negative-ttl', '0s')}/http/${nginx.host}`;
  for (const name of ['plain', 'x.txt']) {
    const read = await shell(
      'for i in 1 2 3; do cmp "$1" "$2" && stat -c %s "$1"; done',
      `${host}/${name}`,
      join(root, name),
    );
    t.is(read.stdout, `${name.length * 20_000}\n`.repeat(3), read.stderr);
  }
});
