import { inThread } from '../support/in-threads.js';

await inThread(() => import('./http-routes.test.js'));
