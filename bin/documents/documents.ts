/** What is made of the option table and the command line: `npm run docs` writes it, and a test compares it. */
import { commandLine } from '../cli.js';
import { optionsDocument } from '../config/options-document.js';
import { bashCompletion } from './bash-completion.js';
import { factsOf } from './command-facts.js';
import { fishCompletion } from './fish-completion.js';
import { manPage } from './man-page.js';
import { metricsDocument } from './metrics-document.js';
import { zshCompletion } from './zsh-completion.js';

/** By their paths in the repository. */
export function documents(): ReadonlyMap<string, string> {
  const facts = factsOf(commandLine(() => undefined));
  return new Map([
    ['docs/OPTIONS.md', optionsDocument()],
    ['docs/METRICS.md', metricsDocument()],
    ['deploy/man/d7y-mount.1', manPage(facts)],
    ['deploy/completions/d7y-mount.bash', bashCompletion(facts)],
    ['deploy/completions/_d7y-mount', zshCompletion(facts)],
    ['deploy/completions/d7y-mount.fish', fishCompletion(facts)],
  ]);
}
