import { hash } from 'node:crypto';

import { safeJson } from '../source/index.js';
import type { ControlFiles } from './control-files.js';
import { FsError } from './fs-error.js';
import type { ControlFileNode, PluginNode } from './node.js';
import type { PluginCatalog } from './plugin-catalog.js';

export interface MadeContent {
  readonly bytes: Buffer;
  readonly version: string;
}

/** For how long a content stays as it is: a file must not change between being looked up and opened. */
const CONTENT_MS = 1_000;

/** The files that the mount makes itself: descriptions of plugins, and those of `/.d7y`. */
export class MadeFiles {
  readonly control: ControlFiles | undefined;
  readonly #plugins: PluginCatalog;
  readonly #made = new Map<string, { readonly atMs: number; readonly content: MadeContent }>();

  constructor(plugins: PluginCatalog, control?: ControlFiles) {
    this.control = control;
    this.#plugins = plugins;
  }

  /** Of `/.d7y`. */
  get controlNames(): readonly string[] {
    const { texts, accessLog } = this.control ?? {};
    return [...(texts?.keys() ?? []), ...(accessLog === undefined ? [] : ['accesslog'])];
  }

  /** Undefined: the access log, which has no content of a moment. */
  contentOf(node: PluginNode | ControlFileNode): MadeContent | undefined {
    if (node.kind === 'plugin') return this.#describe(node.scheme);
    return node.name === 'accesslog' ? undefined : this.#make(node.name);
  }

  #describe(scheme: string): MadeContent {
    const description = this.#plugins.describe(scheme);
    if (description === undefined) throw new FsError('NO_ENTRY', scheme, 'no such plugin');
    return contentOf(`${safeJson(JSON.stringify(description, null, 2))}\n`);
  }

  #make(name: string): MadeContent {
    const last = this.#made.get(name);
    if (last !== undefined && performance.now() - last.atMs < CONTENT_MS) return last.content;
    const make = this.control?.texts.get(name);
    if (make === undefined) throw new FsError('NO_ENTRY', name, 'no such file of the mount');
    const content = contentOf(make());
    this.#made.set(name, { atMs: performance.now(), content });
    return content;
  }
}

function contentOf(text: string): MadeContent {
  const bytes = Buffer.from(text);
  return { bytes, version: hash('sha1', bytes, 'hex') };
}
