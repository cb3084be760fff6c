// Lets the real Buffalo binary fetch from a Stripe server that this project did not write, and compares the revenue it
// tells with the shop's own books. Started by scripts/test-third-party.
//
//   node main.mjs PACKAGES BINARY SERVER_URL
//
// PACKAGES is the directory in which npm installed what package.json names.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import { buffaloWith } from './buffalo.mjs'
import { createDatabase } from './database.mjs'
import { Shop } from './shop.mjs'

const [packages, binary, serverUrl] = process.argv.slice(2)
const require = createRequire(join(packages, 'package.json'))
require('loglevel').setDefaultLevel('warn')
const { createExpressApp } = require('stripe-stateful-mock')
const pg = require('pg')

/** What Stripe, and the mock, put on a page at most. */
const pageSize = 100

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
}

let passed = 0
let failed = 0

async function check(name, body) {
  interrupted.signal.throwIfAborted()
  try {
    await body()
    passed += 1
    console.log(`ok      ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${name}\n${error.message.replace(/^/gm, '        ')}`)
  }
}

function same(what, got, expected) {
  if (isDeepStrictEqual(got, expected)) return
  throw new Error(`${what}\nexpected: ${JSON.stringify(expected)}\ncame:     ${JSON.stringify(got)}`)
}

async function fetchOnce(buffalo) {
  const [run] = (await buffalo.must('fetch')).runs
  same('the status of the fetch', run.status, 'success')
  return run
}

async function processAll(buffalo, expected) {
  const [run] = (await buffalo.must('process')).runs
  same('the status of the processing', run.status, 'success')
  same('records processed', run.counts.recordsProcessed, expected)
}

async function compareRevenue(buffalo, shop) {
  const told = await buffalo.must('revenue', 'summary')
  const expected = shop.revenue()
  // What it tells about the question (dates, zone, freshness) is left out.
  const got = Object.fromEntries(Object.keys(expected).map((key) => [key, told[key]]))
  got.otherCurrencies = [...(got.otherCurrencies ?? [])].sort((a, b) => (a.currency < b.currency ? -1 : 1))
  same('revenue', got, expected)
}

async function openWithHistory() {
  const shop = await Shop.open(createExpressApp(), interrupted.signal)
  const first = await shop.sell(12_345, 'usd')
  await shop.refund(first, 345)
  const returned = await shop.sell(2_500, 'usd')
  await shop.refund(returned, 1_000)
  await shop.refund(returned, 1_500)
  const euros = await shop.sell(9_900, 'eur')
  await shop.refund(euros, 900)
  // A currency without cents.
  await shop.sell(5_000, 'jpy')
  await shop.decline(777, 'usd')
  await shop.decline(888, 'eur')
  const reserved = await shop.authorise(4_000, 'usd')
  await shop.authorise(6_000, 'gbp')
  // More than two pages.
  for (let n = 0; n < 2 * pageSize + 10; n += 1) await shop.sell(100 + n, 'usd')
  return { shop, first, reserved }
}

async function scenario(buffalo, { shop, first, reserved }) {
  await check('migrate makes the tables', async () => {
    assert.ok((await buffalo.must('migrate')).applied > 0, 'no migration was applied')
  })

  await check('a key that the server refuses fails the run, and says why', async () => {
    const { code, json } = await buffalo.run(['fetch'], { STRIPE_API_KEY: 'sk_live_refused' })
    same('exit code', code, 1)
    same('status', json.runs[0].status, 'failed')
    assert.match(json.runs[0].error, /401.*Invalid API Key provided/)
    assert.ok(!json.runs[0].error.includes('sk_live_refused'), 'the key is in the error')
  })

  await check('the first fetch brings everything', async () => {
    shop.listsAsked.length = 0
    const run = await fetchOnce(buffalo)
    const everything = shop.takeChanged()
    same('mode', run.mode, 'full')
    same('records fetched', run.counts.recordsFetched, everything)
    same('records enqueued', run.counts.recordsEnqueued, everything)
    await processAll(buffalo, everything)
  })

  await check('it went through every page, each once', async () => {
    const pages = shop.listsAsked.filter((url) => url.startsWith('/v1/charges?'))
    same('pages of charges', pages.length, Math.ceil(shop.chargeCount / pageSize))
    same('pages without a place to start after', pages.filter((url) => !url.includes('starting_after=')).length, 1)
    same('distinct pages', new Set(pages).size, pages.length)
  })

  await check('revenue is what the shop sold', () => compareRevenue(buffalo, shop))

  await check('a later fetch enqueues what changed, and nothing else', async () => {
    await shop.refund(first, 2_000)
    await shop.capture(reserved)
    await shop.sell(3_210, 'usd')
    const changed = shop.takeChanged()
    const run = await fetchOnce(buffalo)
    same('mode', run.mode, 'incremental')
    same('records enqueued', run.counts.recordsEnqueued, changed)
    await processAll(buffalo, changed)
  })

  await check('revenue follows a late refund, a late capture and a new charge', () => compareRevenue(buffalo, shop))

  await check('a fetch after which nothing happened enqueues nothing', async () => {
    const run = await fetchOnce(buffalo)
    same('records enqueued', run.counts.recordsEnqueued, 0)
    await processAll(buffalo, 0)
    await compareRevenue(buffalo, shop)
  })

  await check('what was reserved and never captured is no refund', async () => {
    await shop.captureSome(await shop.authorise(2_000, 'usd'), 1_500)
    await shop.release(await shop.authorise(4_000, 'usd'))
    await fetchOnce(buffalo)
    await buffalo.must('process')
    await compareRevenue(buffalo, shop)
  })

  await check('nothing is left over: no outbox, no dead letters, no unknown statuses', async () => {
    const { outbox, deadLetters, unmappedStatuses } = await buffalo.must('status')
    same('leftovers', { outbox, deadLetters, unmappedStatuses }, { outbox: [], deadLetters: [], unmappedStatuses: [] })
  })
}

/** Runs the scenario, and leaves nothing behind however it ends. */
async function main() {
  const undo = []
  try {
    const directory = await mkdtemp(join(tmpdir(), 'buffalo-third-party-'))
    undo.push(() => rm(directory, { recursive: true }))
    const database = await createDatabase(pg, serverUrl)
    undo.push(database.drop)
    const history = await openWithHistory()
    undo.push(() => history.shop.close())
    const settings = {
      DATABASE_URL: database.url,
      STRIPE_API_BASE: history.shop.apiBase,
      STRIPE_API_KEY: history.shop.apiKey,
      // The mock has no events and no list of disputes.
      STRIPE_INCREMENTAL: 'lookback',
      STRIPE_RESOURCES: 'charges,refunds',
    }
    await scenario(buffaloWith(binary, directory, settings, interrupted.signal), history)
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

try {
  await main()
} catch (error) {
  failed += 1
  // A refused connection to a name with several addresses has no message of its own.
  console.log(`FAILED  ${error.message || error.code}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
