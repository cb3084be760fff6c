// localstripe, from PyPI: a Stripe server in Python, which runs as a program of its own.

import { spawn } from 'node:child_process'
import { request as sendRequest } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { signal } from './checks.mjs'
import { Shop } from './shop.mjs'
import { stripeTest } from './stripe.mjs'

const program = fileURLToPath(new URL('serve_localstripe.py', import.meta.url))
const patienceMs = 30_000

/** Cards by what localstripe does with them: both can be attached to a customer, and only the first can be charged. */
const cards = { good: '4242424242424242', declined: '4000000000000341' }

export const localstripe = {
  name: 'localstripe',

  async open({ packages, undo }) {
    const address = await start(join(packages, 'python', 'bin', 'python'), undo)
    const shop = await Shop.open(forwardTo(address))
    undo.push(() => shop.close())
    shop.payers = { solvent: await customerWith(shop, cards.good), broke: await customerWith(shop, cards.declined) }
    return stripeTest(shop, { refusal: /401.*Unauthorized/, capturesPart: false })
  },
}

/** Starts the server; its address, once it answers. */
async function start(python, undo) {
  // Isolated from the user's Python settings, and from an interrupt at the terminal, after which it is ended from here.
  // Should this program be killed, the server's input ends, and so does the server.
  const server = spawn(python, ['-I', program], { stdio: ['pipe', 'pipe', 'inherit'], detached: true, signal })
  const ended = new Promise((resolve) => server.once('close', resolve))
  // A server that does not start, or is ended by `signal`, writes no address.
  server.on('error', () => {})
  undo.push(() => {
    server.kill()
    return ended
  })
  const late = setTimeout(() => server.kill(), patienceMs)
  try {
    for await (const address of createInterface({ input: server.stdout })) return address
  } finally {
    clearTimeout(late)
  }
  throw new Error('the server did not start')
}

/** Hands requests on to the server at `address`. */
function forwardTo(address) {
  return (incoming, outgoing) => {
    const { method, headers, url } = incoming
    const request = sendRequest(address + url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    request.on('error', () => outgoing.destroy())
    incoming.pipe(request)
  }
}

/** Makes a customer who pays with a card, as a browser and then a shop would do it. */
async function customerWith(shop, number) {
  const card = { number, exp_month: 12, exp_year: 2040, cvc: '123' }
  const fields = Object.entries(card).map(([name, value]) => [`card[${name}]`, value])
  const token = await shop.post('/v1/tokens', fields)
  const customer = await shop.post('/v1/customers', { email: 'buyer@example.com' })
  await shop.post(`/v1/customers/${customer.id}/sources`, { source: token.id })
  return { customer: customer.id }
}
