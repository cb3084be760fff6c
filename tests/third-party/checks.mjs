// Counts what holds and what does not, over all servers, and cleans up after it.

import { isDeepStrictEqual } from 'node:util'

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
}

/** Aborted when this program is asked to end. */
export const { signal } = interrupted

const result = { passed: 0, failed: 0 }

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

/**
 * Makes a part of the checks, and leaves nothing behind however it ends: `body` is given a list, onto which it pushes what
 * undoes what it did; the last is undone first.
 */
export async function tidily(body) {
  const undo = []
  try {
    await body(undo)
  } catch (error) {
    fail('running to the end', error)
  }
  for (const step of undo.reverse()) {
    try {
      await step()
    } catch (error) {
      fail('cleaning up', error)
    }
  }
}

/** Ends this program with the result, which is its last line. */
export function end() {
  console.log(`\n${result.passed} passed, ${result.failed} failed`)
  process.exit(result.failed === 0 ? 0 : 1)
}

export function same(what, got, expected) {
  if (isDeepStrictEqual(got, expected)) return
  throw new Error(`${what}\nexpected: ${JSON.stringify(expected)}\ncame:     ${JSON.stringify(got)}`)
}
