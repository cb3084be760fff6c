// Counts what holds and what does not, over all servers.

import { isDeepStrictEqual } from 'node:util'

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
}

/** Aborted when this program is asked to end. */
export const { signal } = interrupted

export const result = { passed: 0, failed: 0 }

export async function check(name, body) {
  signal.throwIfAborted()
  try {
    await body()
    result.passed += 1
    console.log(`ok      ${name}`)
  } catch (error) {
    fail(name, error)
  }
}

export function fail(name, error) {
  result.failed += 1
  // A refused connection to a name with several addresses has no message of its own.
  const reason = String(error.message || error.code || error)
  console.log(`FAILED  ${name}\n${reason.replace(/^/gm, '        ')}`)
}

export function same(what, got, expected) {
  if (isDeepStrictEqual(got, expected)) return
  throw new Error(`${what}\nexpected: ${JSON.stringify(expected)}\ncame:     ${JSON.stringify(got)}`)
}
