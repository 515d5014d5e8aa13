import { testCiphers } from '../support/sftp-ciphers.js';

testCiphers('as installed');
