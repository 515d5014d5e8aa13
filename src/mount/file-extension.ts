/** `x.tar.gz`, `.git`; not `v1.2` or `1.0.3`, which are common directories in download URLs. */
const FILE_NAME = /^\.|\.(?:[A-Za-z][A-Za-z0-9_~-]{0,15}|7z|3gp)$/;

/** Whether a path segment looks like a file's name. */
export function hasFileExtension(segment: string): boolean {
  return FILE_NAME.test(segment);
}
