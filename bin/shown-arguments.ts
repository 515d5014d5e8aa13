/** Options whose values may be secrets, or hold some. */
const SECRET_OPTIONS = ['--header', '--plugin-option', '-o'];
const MASK = '***';

/** The arguments as all users may see them in the process list. */
export function shownArguments(argv: readonly string[]): string[] {
  let [isValue, areNames] = [false, false];
  return argv.map((argument) => {
    if (isValue) {
      isValue = false;
      return MASK;
    }
    areNames ||= argument === '--';
    if (areNames) return argument;
    // `-f` may stand before `-o` in one argument.
    const flags = /^-f+o/.exec(argument)?.[0];
    if (flags !== undefined) {
      isValue = argument === flags;
      return isValue ? argument : `${flags}${MASK}`;
    }
    isValue = SECRET_OPTIONS.includes(argument);
    const option = SECRET_OPTIONS.find((name) => argument !== name && argument.startsWith(name));
    if (option === undefined) return argument;
    // `--header=…`, and `-o` with its value at once.
    return option.startsWith('--') ? `${option}=${MASK}` : `${option}${MASK}`;
  });
}
