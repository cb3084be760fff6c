// Runs the Buffalo binary as an operator does: configured by the environment, asked for JSON.

import { execFile } from 'node:child_process'

/** Longer than any command of this test takes, so that one that hangs is a failure. */
const timeoutMs = 60_000

/**
 * @param binary The path of the binary.
 * @param cwd A directory without a `.env`, which Buffalo would read.
 * @param settings The environment, beyond what any program needs.
 */
export function buffaloWith(binary, cwd, settings, signal) {
  const { PATH, HOME } = process.env
  const env = { PATH, HOME, LOG_LEVEL: 'warn', ...settings }

  /** Runs a command; the exit code, and the JSON it wrote. */
  async function run(args, overrides = {}) {
    const options = { cwd, env: { ...env, ...overrides }, signal, timeout: timeoutMs, maxBuffer: 1 << 26 }
    return new Promise((resolve, reject) => {
      execFile(binary, [...args, '--format', 'json'], options, (error, stdout, stderr) => {
        const command = `buffalo ${args.join(' ')}`
        if (error && typeof error.code !== 'number') {
          reject(new Error(`${command} did not run to its end: ${error.message}`))
          return
        }
        try {
          resolve({ command, code: error?.code ?? 0, stderr, json: JSON.parse(stdout) })
        } catch {
          reject(new Error(`${command} wrote no JSON: ${stdout}${stderr}`))
        }
      })
    })
  }

  /** Runs a command that has to succeed; the JSON it wrote. */
  async function must(...args) {
    const { command, code, stderr, json } = await run(args)
    if (code !== 0) throw new Error(`${command} exited with ${code}: ${stderr}`)
    return json
  }

  return { run, must }
}
