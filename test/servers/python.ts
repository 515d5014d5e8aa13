import { execFile } from 'node:child_process';

/** Runs a script by the installed Python, and parses what it prints as JSON. */
export async function runPython(
  python: string,
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const env = { ...process.env, NO_PROXY: '*', ...environment };
    execFile(
      python,
      ['-c', script],
      { env, timeout: 100_000, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)));
        else reject(new Error(`${stderr}\n${stdout}`, { cause: error }));
      },
    );
  });
}
