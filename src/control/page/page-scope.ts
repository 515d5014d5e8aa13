/** `public`: what those may see who may read the metrics. No paths, no URLs, and of errors their kind only. */
export type PageScope = 'all' | 'public';
