// What a shop does on a Stripe server, and what Buffalo must tell of it: the same for every such server.

import assert from 'node:assert/strict'

import { check, same } from './checks.mjs'

/** What Stripe, and the servers in its place, put on a page at most. */
const pageSize = 100

/**
 * @param shop A shop that has sold nothing so far.
 * @param server What sets the server apart: `refusal`, a pattern of its answer to a bad key, and `capturesPart`, whether
 *   it tells how much of a charge was captured.
 * @returns How to set Buffalo up, and what to check then.
 */
export function stripeTest(shop, server) {
  const settings = {
    STRIPE_API_BASE: shop.apiBase,
    STRIPE_API_KEY: shop.apiKey,
    // No server has events of charges, or a list of disputes.
    STRIPE_INCREMENTAL: 'lookback',
    STRIPE_RESOURCES: 'charges,refunds',
  }
  return { settings, run: (buffalo) => scenario(buffalo, shop, server) }
}

async function scenario(buffalo, shop, server) {
  const { first, reserved } = await makeHistory(shop)

  await check('migrate makes the tables', async () => {
    assert.ok((await buffalo.must('migrate')).applied > 0, 'no migration was applied')
  })

  await check('a key that the server refuses fails the run, and says why', async () => {
    const { code, json } = await buffalo.run(['fetch'], { STRIPE_API_KEY: 'rk_live_refused' })
    same('exit code', code, 1)
    same('status', json.runs[0].status, 'failed')
    assert.match(json.runs[0].error, server.refusal)
    assert.ok(!json.runs[0].error.includes('rk_live_refused'), 'the key is in the error')
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
    if (server.capturesPart) await shop.captureSome(await shop.authorise(2_000, 'usd'), 1_500)
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

async function makeHistory(shop) {
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
  // Three pages. Of more, Buffalo asks for several at once, cut by `created[lt]`, which no such server can answer.
  for (let n = 0; n < 2 * pageSize + 10; n += 1) await shop.sell(100 + n, 'usd')
  return { first, reserved }
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
