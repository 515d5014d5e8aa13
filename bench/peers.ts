/** Other remote file systems, as their users mount them; none of those that are not installed. */
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';

import { inForeground, type Mounter, type Place, type Served, UNDISTURBED } from './mounts.js';
import type { Origin } from './origins.js';
import { run } from './programs.js';

/** By the scheme of what they mount. */
export type Peers = (scheme: Origin['scheme']) => readonly Mounter[];

export async function peerMounts(): Promise<Peers> {
  const davGroup = await run('getent', ['group', 'davfs2']).catch(() => undefined);
  const isRoot = process.getuid?.() === 0;
  const davfs2 =
    isRoot && davGroup !== undefined ? [davfs2Mounter(Number(davGroup.stdout.split(':')[2]))] : [];
  const sshfs = (await isInstalled('sshfs')) ? [{ name: 'sshfs', serve: serveSshfs }] : [];
  return (scheme) => (scheme === 'webdav' ? davfs2 : scheme === 'sftp' ? sshfs : []);
}

/** In its cache modes. */
export async function rcloneMounts(): Promise<Mounter[]> {
  if (!(await isInstalled('rclone'))) return [];
  const serve = (mode: string) => (place: Place) => serveRclone(place, mode);
  return ['off', 'full'].map((mode) => ({ name: `rclone ${mode}`, serve: serve(mode) }));
}

async function isInstalled(command: string): Promise<boolean> {
  return (await run(command, ['--version']).catch(() => undefined)) !== undefined;
}

async function serveRclone({ mountpoint, directory, origin }: Place, mode: string): Promise<Served> {
  // With AWS_CA_BUNDLE its s3 does not start (1.60). It sends a request for each object's time without the server's.
  const command = '-u AWS_CA_BUNDLE rclone mount --read-only --config /dev/null --use-server-modtime';
  const trusted = origin.certificate === undefined ? [] : ['--ca-cert', origin.certificate];
  const kept = ['--cache-dir', join(directory, 'cache'), '--log-file', join(directory, 'log')];
  const modes = ['--vfs-cache-mode', mode];
  return await inForeground(mountpoint, 'env', [
    ...command.split(' '),
    ...modes,
    ...kept,
    ...trusted,
    origin.rclone,
    mountpoint,
  ]);
}

/** It runs as a user of its own, who has to reach its cache. */
function davfs2Mounter(group: number): Mounter {
  const serve = async ({ mountpoint, directory, origin }: Place): Promise<Served> => {
    const [config, cache] = [join(directory, 'davfs2.conf'), join(directory, 'cache')];
    await mkdir(cache);
    await chown(cache, 0, group);
    await chmod(cache, 0o775);
    for (const above of [dirname(directory), directory]) await chmod(above, 0o711);
    await writeFile(config, `ask_auth 0\nuse_locks 0\ncache_dir ${cache}\n`, { mode: 0o600 });
    const args = ['-o', `ro,conf=${config}`, origin.url, mountpoint];
    const { ms: readyMs } = await run('mount.davfs', args, UNDISTURBED);
    const pidFile = `/run/mount.davfs/${mountpoint.slice(1).replaceAll('/', '-')}.pid`;
    const pid = Number(await readFile(pidFile, 'utf8'));
    // Returns when its process has ended.
    const end = async (): Promise<void> => void (await run('umount', [mountpoint], UNDISTURBED));
    return { root: mountpoint, pid, readyMs, end };
  };
  return { name: 'davfs2', serve };
}

async function serveSshfs({ mountpoint, origin }: Place): Promise<Served> {
  const { hostname, pathname } = new URL(origin.url);
  const config = origin.sshConfig ?? 'none';
  const args = ['-f', '-o', 'ro', '-F', config, `${hostname}:${pathname}`, mountpoint];
  const served = await inForeground(mountpoint, 'sshfs', args);
  // It is mounted before it is connected, and answers nothing until then.
  const { ms } = await run('stat', [mountpoint]);
  // No child of it.
  const { stdout } = await run('pgrep', ['-f', `^ssh .*-F ?${config}`]);
  const readyMs = served.readyMs + ms;
  return { ...served, readyMs, workers: stdout.trim().split('\n').map(Number) };
}
