import { commands, listingCommands, NAMES, programs, quoted, type SweepCommand } from '../sweep-command.js';

/** Node: what is thrown is printed by its code. */
const NODE = `
const fs = require('fs'); const [D, O, code] = process.argv.slice(1); const p = (name) => D + '/' + name;
const print = (...values) => console.log(...values);
const fail = (error) => print(error.code ?? String(error).replaceAll(D, 'DIR').split('\\n')[0]);
(async () => eval('(async () => {' + code + '})()'))().catch(fail);
`;

const NODE_ON_NAMES = [
  'print(fs.existsSync(p("NAME")))',
  'print(fs.accessSync(p("NAME"), fs.constants.R_OK))',
  'print(fs.statSync(p("NAME")).isFile(), fs.statSync(p("NAME"), { throwIfNoEntry: false })?.isDirectory())',
  'print(fs.readFileSync(p("NAME"), "utf8"))',
  'print((await fs.promises.open(p("NAME"), "r+")).fd > 0)',
  'print((await fs.promises.opendir(p("NAME"))).path === p("NAME"))',
  'print(fs.realpathSync(p("NAME")) === p("NAME"))',
  'print(fs.realpathSync.native(p("NAME")) === p("NAME"))',
];

const NODE_SINGLE = [
  'fs.copyFileSync(p("plain"), "c"); print(fs.readFileSync("c", "utf8"))',
  'fs.mkdtempSync(p("t-"))',
  'fs.mkdirSync(p("missing"), { recursive: true })',
  'fs.mkdirSync(p("dir"), { recursive: true })',
  'fs.writeFileSync(p("missing"), "x")',
  'fs.writeFileSync(p("missing.txt"), "x")',
  'fs.rmSync(p("missing"))',
  'fs.rmSync(p("missing"), { force: true, recursive: true })',
  'print(require(p("data.json")).name)',
  'require(p("missing"))',
  'print(require(p("module")).value)',
  'print((await import(p("module.mjs"))).value)',
  'for await (const chunk of fs.createReadStream(p("large.bin"), { start: 9, end: 20 })) print(chunk.length)',
  'print(await Promise.all([1, 2, 3, 4].map(() => fs.promises.readFile(p("plain"), "utf8"))))',
  'print((await Promise.allSettled(["plain", "missing", "file.txt"].map((n) => fs.promises.access(p(n), 4)))).map((r) => r.status))',
  'fs.cpSync(p("plain"), "c"); print(fs.readFileSync("c", "utf8"))',
  'print(fs.lstatSync(p("missing"), { throwIfNoEntry: false }))',
  'process.chdir(p("missing"))',
  'process.chdir(p("dir")); print(fs.readFileSync("inner.txt", "utf8"))',
  'fs.readlinkSync(p("plain"))',
];

const JAVA_ON_NAMES = [
  'exists',
  'isReadable',
  'isExecutable',
  'isDirectory',
  'isRegularFile',
  'readAllBytes',
  'randomAccess',
  'File.exists',
  'File.canRead',
];

const node = (code: string): string => `node -e ${quoted(NODE)} "$D" "$O" ${quoted(code)}`;

export const RUNTIMES: readonly SweepCommand[] = [
  ...programs(
    'node',
    'node',
    [...NODE_ON_NAMES.flatMap((code) => NAMES.map((name) => code.replaceAll('NAME', name))), ...NODE_SINGLE],
    node,
  ),
  ...programs(
    'node',
    'node',
    [
      'print(fs.readdirSync(D).toSorted())',
      'fs.cpSync(p("dir"), "c", { recursive: true }); print(fs.readdirSync("c").toSorted())',
      'print(fs.readdirSync(D, { recursive: true }).toSorted())',
    ],
    node,
  ).map((command) => ({
    ...command,
    lists: true,
  })),
  ...commands('node', [
    'node "$D/script.js"',
    'node "$D/missing.js" 2>&1 | grep -o "Cannot find module"',
    'node "$D/module"',
    'cd "$D" && node script.js',
  ]),
  // One start of Java for all names: it takes long.
  ...commands(
    'java javac',
    JAVA_ON_NAMES.map(
      (operation) =>
        `java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$T/java" Probe ${operation} "$D" ${NAMES.join(' ')}`,
    ),
  ),
  ...commands('java javac', [
    'java -jar "$D/hello.jar"',
    'java -jar "$D/missing.jar"',
    'java -cp "$D/hello.jar" Hello',
    'java -cp "$D" Hello',
    'java -cp "$D/missing" Hello',
    'cd "$D" && java -jar hello.jar',
  ]),
  ...listingCommands('java javac', ['java -cp "$T/java" Probe list "$D" dir']),
];
