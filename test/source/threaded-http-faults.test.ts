import { inThread } from '../support/in-threads.js';

await inThread(() => import('./http-faults.test.js'));
