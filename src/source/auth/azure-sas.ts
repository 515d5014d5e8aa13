import type { Secret } from './secret.js';

/** A shared access signature signs no request: it is part of the query of each. Only for the wire, never for a log. */
export function withSas(url: URL, sas: Secret): URL {
  const signed = new URL(url);
  const parameters = sas.reveal().replace(/^\?/, '');
  signed.search = signed.search === '' ? parameters : `${signed.search}&${parameters}`;
  return signed;
}
