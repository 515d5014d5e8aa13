import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../support/run.js';
import { pattern } from '../support/tree.js';

/** All that the commands use, of fixed times (nginx's listings tell minutes) and modes. What needs a program that is not installed is left out. */
const TREE = `
cd "$1"
printf 'alpha\\nbeta\\ngamma\\ndelta\\n' > file.txt
printf 'gamma 1\\nbeta 2\\nalpha 3\\n' > plain
printf 'other\\n' > other.txt
printf 'old\\n' > old.txt
printf 'spaced\\n' > 'with space.txt'
: > empty.txt
printf 'plain\\nfile.txt\\n' > list
printf 's/a/A/g\\n' > script.sed
printf '{"name":"value"}\\n' > data.json
mkdir -p dir/deep
printf 'inner\\n' > dir/inner.txt
printf 'inner plain\\n' > dir/other
printf 'leaf\\n' > dir/deep/leaf.txt
printf '#!/bin/sh\\necho from a script\\n' | tee script.sh > program
printf 'print("from a script")\\n' > script.py
printf 'VALUE = 42\\n' > hello.py
printf 'console.log("from a script")\\n' > script.js
printf 'exports.value = 42; console.log("loaded")\\n' > module
printf 'export const value = 42;\\n' > module.mjs
printf 'package Hello; print "from a module\\\\n"; 1;\\n' > Hello.pm
printf '#define VALUE 42\\n' > header.h
printf '#include "header.h"\\nint main(void) { return VALUE - 42; }\\n' > main.c
printf 'all:\\n\\t@echo made\\n' > Makefile
printf 'select 1 + 1;\\n' > query.sql
printf '\\211PNG\\r\\n\\032\\n\\000\\000\\000\\015IHDR\\000\\000\\000\\001\\000\\000\\000\\001\\010\\002\\000\\000\\000' > image.png
has() { command -v "$1" > /dev/null; }
tar cf archive.tar dir plain; tar czf archive.tar.gz dir
gzip -nc file.txt > text.gz
has xz && xz -c file.txt > text.xz
has zstd && zstd -qc file.txt > text.zst
has bzip2 && bzip2 -c file.txt > text.bz2
has python3 && (cd dir && python3 -m zipfile -c ../archive.zip inner.txt && cp ../archive.zip ../archive)
if has sqlite3; then
  sqlite3 data.db 'create table t (a); insert into t values (1), (2), (3);' && cp data.db database
  sqlite3 wal.db 'pragma journal_mode = wal; create table t (a); insert into t values (4)' > /dev/null
fi
has openssl && openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out cert.pem -days 3650 -subj /CN=example 2> /dev/null
if has mkfs.ext4; then
  truncate -s 1M disk.img && mkfs.ext4 -q -O ^has_journal disk.img && cp disk.img image
fi
if has git; then
  git init -q --bare repository.git && git init -q "$2/work" && cd "$2/work" && echo readme > README && git add README
  git -c user.name=x -c user.email=x@example.com commit -q -m first && git push -q "$1/repository.git" HEAD:refs/heads/main
  git --git-dir="$1/repository.git" symbolic-ref HEAD refs/heads/main && git --git-dir="$1/repository.git" repack -q -a -d
  rm -rf "$1/repository.git/hooks"; cd "$1"
fi
if has javac && has jar; then
  mkdir -p "$2/java" && javac -d "$2/java" "$2/Hello.java" "$2/Probe.java" && cp "$2/java/Hello.class" .
  jar cfe hello.jar Hello Hello.class
fi
chmod -R a=rX,u=rX .; find . -exec touch -d '2024-03-05 06:07 UTC' {} +; touch -d '2001-01-01 UTC' old.txt
`;

const HELLO =
  'public class Hello { public static void main(String[] a) { System.out.println("from Java"); } }\n';

const PROBE = `
import java.io.*; import java.nio.file.*;
public class Probe {
  public static void main(String[] a) {
    for (int i = 2; i < a.length; i++) {
      try { System.out.println(a[i] + " " + probe(a[0], Path.of(a[1], a[i]))); }
      catch (Exception e) { System.out.println(a[i] + " " + e.getClass().getSimpleName()); }
    }
  }
  static Object probe(String operation, Path p) throws Exception {
    switch (operation) {
      case "exists": return Files.exists(p);
      case "isReadable": return Files.isReadable(p);
      case "isExecutable": return Files.isExecutable(p);
      case "isDirectory": return Files.isDirectory(p);
      case "isRegularFile": return Files.isRegularFile(p);
      case "readAllBytes": return Files.readAllBytes(p).length;
      case "randomAccess": try (RandomAccessFile f = new RandomAccessFile(p.toFile(), "r")) { return f.length(); }
      case "File.exists": return p.toFile().exists();
      case "File.canRead": return p.toFile().canRead();
      case "list": try (var s = Files.list(p)) { return s.map(q -> q.getFileName().toString()).sorted().toList(); }
      default: throw new IllegalArgumentException(operation);
    }
  }
}
`;

/** Makes the tree in `root`, and what commands find in `T` in `tools`. Both must exist. */
export async function makeSweepTree(root: string, tools: string): Promise<void> {
  await mkdir(tools, { recursive: true });
  await writeFile(join(tools, 'Hello.java'), HELLO);
  await writeFile(join(tools, 'Probe.java'), PROBE);
  await writeFile(join(root, 'large.bin'), pattern(3 << 20));
  const { code, stderr } = await run('bash', ['-c', TREE, 'bash', root, tools]);
  if (code !== 0) throw new Error(`the tree cannot be made: ${stderr}`);
}
