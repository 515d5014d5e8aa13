import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** Docker, podman, systemd-nspawn, Kubernetes. */
export function inContainer(): boolean {
  const { container, KUBERNETES_SERVICE_HOST } = process.env;
  return (
    container !== undefined ||
    KUBERNETES_SERVICE_HOST !== undefined ||
    ['/.dockerenv', '/run/.containerenv'].some((path) => existsSync(path))
  );
}

/** Empty: it cannot be read. For files of proc(5), and small ones of /etc. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function mebibytes(bytes: number): string {
  const value = bytes / 2 ** 20;
  return value >= 10_240 ? `${(value / 1024).toFixed(0)} GiB` : `${value.toFixed(value < 10 ? 1 : 0)} MiB`;
}
