import { ListNotSupportedError, NotFoundError, SourceError } from '../../errors.js';
import type { HttpCaller } from '../../http/http-engine.js';
import type { RegistryApi } from './registry-api.js';

/** The tags of a repository; of what is none, the names below it in the catalog. */
export async function* listRepositories(
  registry: RegistryApi,
  name: string,
  caller: HttpCaller,
): AsyncGenerator<readonly string[]> {
  if (name !== '') {
    try {
      yield* registry.tags(name, caller);
      return;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  const prefix = name === '' ? '' : `${name}/`;
  const seen = new Set<string>();
  for await (const names of catalog(registry, caller)) {
    const below = names.filter((repository) => repository.startsWith(prefix));
    const children = below.map((repository) => repository.slice(prefix.length).split('/')[0] ?? '');
    const fresh = [...new Set(children)].filter((child) => child !== '' && !seen.has(child));
    for (const child of fresh) seen.add(child);
    yield fresh;
  }
  if (seen.size === 0 && name !== '') throw new NotFoundError(caller.url);
}

async function* catalog(registry: RegistryApi, caller: HttpCaller): AsyncGenerator<readonly string[]> {
  try {
    yield* registry.catalog(caller);
  } catch (error) {
    const isRefused =
      error instanceof SourceError &&
      ['NOT_FOUND', 'ACCESS_DENIED', 'UNEXPECTED_STATUS'].includes(error.code);
    throw isRefused ? new ListNotSupportedError(caller.url) : error;
  }
}
