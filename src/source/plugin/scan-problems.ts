import type { DirectoryScan } from './plugin-directory.js';
import type { PluginFile } from './plugin-file.js';

/** Something in a plugin directory, or the directory itself, that is passed over. */
export interface ScanProblem {
  readonly location: string;
  readonly message: string;
}

/** Why a mount does not use what looks like a plugin. Other files are ignored. */
export function problemsOf(
  scans: readonly DirectoryScan[],
  refusalOf: (file: PluginFile) => Error | undefined,
): ScanProblem[] {
  const problems: ScanProblem[] = [];
  for (const { directory, failure, found } of scans) {
    if (typeof failure === 'object') problems.push({ location: directory, message: failure.message });
    for (const one of found) {
      const location = one.is === 'plugin' ? one.file.root : `${directory}/${one.fileName}`;
      const message = messageOf(one, refusalOf);
      if (message !== undefined) problems.push({ location, message });
    }
  }
  return problems;
}

function messageOf(
  one: DirectoryScan['found'][number],
  refusalOf: (file: PluginFile) => Error | undefined,
): string | undefined {
  switch (one.is) {
    case 'plugin':
      return refusalOf(one.file)?.message;
    case 'not-loadable':
      return one.message;
    case 'directory':
      return one.fileName.startsWith('d7y-') ? 'not support directory' : undefined;
    case 'invalid-name':
      return one.fileName.startsWith('d7y-') ? 'not valid plugin name' : undefined;
    case 'other-type':
      return `not support plugin type: ${one.type}`;
  }
}
