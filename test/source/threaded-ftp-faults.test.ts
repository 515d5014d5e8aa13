import { inThread } from '../support/in-threads.js';

await inThread(() => import('./ftp-faults.test.js'));
