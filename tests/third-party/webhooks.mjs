// Stripe's webhooks, signed by Stripe's own SDK and posted to a real `buffalo serve`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'

import { check, same, signal } from './checks.mjs'

const secret = 'whsec_of_the_third_party_test'
const oldSecret = 'whsec_of_yesterday'
const apiVersion = '2026-10-28.endive'

export const stripeSignatures = {
  name: 'signatures of the stripe SDK',

  async open({ require, undo, database, binary, directory }) {
    const Stripe = require('stripe')
    const stripe = new Stripe('sk_test_nobody')
    const port = await freePort()
    const settings = {
      // Nothing listens there: a webhook is answered without asking Stripe.
      STRIPE_API_BASE: 'http://127.0.0.1:1',
      STRIPE_API_KEY: 'sk_test_third_party',
      STRIPE_WEBHOOK_SECRET: `${oldSecret}, ${secret}`,
      API_KEY: 'a-key-for-the-test',
      ADMIN_API_KEY: 'another-key-for-the-test',
      HOST: '127.0.0.1',
      PORT: String(port),
    }
    return {
      settings,
      run: async (buffalo) => {
        await buffalo.must('migrate')
        const { PATH, HOME } = process.env
        const env = { PATH, HOME, LOG_LEVEL: 'error', DATABASE_URL: database.url, ...settings }
        const server = spawn(binary, ['serve'], { cwd: directory, env, stdio: ['ignore', 'inherit', 'inherit'], signal })
        server.on('error', () => {})
        undo.push(() => end(server))
        const base = `http://127.0.0.1:${port}`
        await until(async () => (await fetch(`${base}/healthz`)).ok)
        await scenario(buffalo, database, stripe, `${base}/webhooks/stripe`)
      },
    }
  },
}

async function scenario(buffalo, database, stripe, address) {
  const now = Math.floor(Date.now() / 1_000)
  const sign = (payload, options = {}) => stripe.webhooks.generateTestHeaderString({ payload, secret, ...options })
  const post = async (payload, header) => {
    const headers = { 'content-type': 'application/json', ...(header && { 'stripe-signature': header }) }
    const answer = await fetch(address, { method: 'POST', headers, body: payload, signal })
    const body = await answer.json()
    return [answer.status, body.code ?? body.type]
  }
  const stored = async () => Number((await database.rows('SELECT count(*) FROM raw_records'))[0].count)

  await check('a good signature is taken, once', async () => {
    const payload = event('evt_1', 'ch_1', now)
    same('the answer', await post(payload, sign(payload)), [200, 'charge.succeeded'])
    same('the answer to the same event', await post(payload, sign(payload)), [200, 'charge.succeeded'])
    same('raw records', await stored(), 1)
  })

  await check('either secret may have signed', async () => {
    const payload = event('evt_2', 'ch_2', now)
    same('the answer', await post(payload, sign(payload, { secret: oldSecret })), [200, 'charge.succeeded'])
    same('raw records', await stored(), 2)
  })

  await check('one of several signatures is enough', async () => {
    const payload = event('evt_3', 'ch_3', now)
    const [time, good] = sign(payload).split(',')
    const [, bad] = sign(payload, { secret: 'whsec_of_nobody' }).split(',')
    same('the answer', await post(payload, [time, bad, good].join(',')), [200, 'charge.succeeded'])
  })

  await check('what is not signed, badly signed, old or of the future is refused', async () => {
    const payload = event('evt_4', 'ch_4', now)
    same('without a header', await post(payload), [400, 'MISSING_SIGNATURE'])
    const refused = {
      'another secret': [payload, sign(payload, { secret: 'whsec_of_nobody' })],
      'another body': [`${payload} `, sign(payload)],
      'an old one': [payload, sign(payload, { timestamp: now - 301 })],
      'one of the future': [payload, sign(payload, { timestamp: now + 330 })],
      'another scheme': [payload, sign(payload, { scheme: 'v0' })],
    }
    for (const [what, [body, header]] of Object.entries(refused)) {
      same(what, await post(body, header), [400, 'INVALID_SIGNATURE'])
    }
    same('raw records', await stored(), 3)
  })

  await check('a body of 900 KB is taken, and its bytes are what was signed', async () => {
    const payload = event('evt_5', 'ch_5', now, { description: 'ä€😀'.repeat(100_000) })
    same('its size', Buffer.byteLength(payload) > 900_000 && Buffer.byteLength(payload) < 1 << 20, true)
    same('the answer', await post(payload, sign(payload)), [200, 'charge.succeeded'])
  })

  await check('what was posted is revenue', async () => {
    const [run] = (await buffalo.must('process')).runs
    same('records processed', run.counts.recordsProcessed, 4)
    const { totalRevenueCents, count } = await buffalo.must('revenue', 'summary')
    same('revenue', { totalRevenueCents, count }, { totalRevenueCents: '4000', count: 4 })
  })
}

/** An event as Stripe posts it, indented. */
function event(id, charge, created, more = {}) {
  const object = {
    id: charge,
    object: 'charge',
    amount: 1_000,
    amount_captured: 1_000,
    captured: true,
    created,
    currency: 'usd',
    paid: true,
    status: 'succeeded',
    ...more,
  }
  const head = { id, object: 'event', api_version: apiVersion, created, livemode: false, type: 'charge.succeeded' }
  return JSON.stringify({ ...head, data: { object } }, null, 2)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function until(holds) {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await holds().catch(() => false)) return
    await setTimeout(50, undefined, { signal })
  }
  throw new Error('buffalo serve did not answer within 30 s')
}

async function end(server) {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGTERM')
  await once(server, 'exit')
}
