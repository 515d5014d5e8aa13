import { inThread } from '../support/in-threads.js';

await inThread(() => import('./http-shares.test.js'));
