import { inThread } from '../support/in-threads.js';

await inThread(() => import('./request-activity.test.js'));
