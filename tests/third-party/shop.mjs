// A shop that sells through a Stripe server which this project did not write, and keeps its own books: what Buffalo
// should say is computed from what the shop sent, never from what the server lists.

import { createServer } from 'node:http'

import { signal } from './checks.mjs'

const apiKey = 'sk_test_third_party'

export class Shop {
  #server
  /** Every charge the shop asked for, by id. */
  #charges = new Map()
  /** The ids of what was created or changed since `takeChanged` was called last. */
  #changed = new Set()

  /** The path and query of every list that was asked for. */
  listsAsked = []
  apiKey = apiKey
  /** The fields by which a charge names who pays: one whose card is good, and one whose card is declined. */
  payers

  /** Opens the shop; `app` handles the requests that Stripe would get. */
  static async open(app) {
    const shop = new Shop()
    shop.#server = createServer((request, response) => {
      if (request.method === 'GET') shop.listsAsked.push(request.url)
      app(request, response)
    })
    await new Promise((resolve, reject) => {
      shop.#server.once('error', reject)
      shop.#server.listen(0, '127.0.0.1', resolve)
    })
    shop.apiBase = `http://127.0.0.1:${shop.#server.address().port}`
    return shop
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** Takes an amount at once. */
  async sell(amount, currency) {
    const { id } = await this.post('/v1/charges', { amount, currency, ...this.payers.solvent })
    return this.#note(id, { amount, currency, state: 'collected', refunded: 0 })
  }

  /** Reserves an amount, to be captured later. */
  async authorise(amount, currency) {
    const { id } = await this.post('/v1/charges', { amount, currency, capture: false, ...this.payers.solvent })
    return this.#note(id, { amount, currency, state: 'reserved', refunded: 0 })
  }

  /** Tries a card without money; the charge is there all the same, and has failed. */
  async decline(amount, currency) {
    const { error } = await this.post('/v1/charges', { amount, currency, ...this.payers.broke }, 402)
    return this.#note(error.charge, { amount, currency, state: 'declined', refunded: 0 })
  }

  async capture(id) {
    await this.post(`/v1/charges/${id}/capture`, {})
    this.#note(id, { ...this.#charges.get(id), state: 'collected' })
  }

  /** Captures less than was reserved. The rest is released, for which Stripe makes a refund. */
  async captureSome(id, amount) {
    await this.post(`/v1/charges/${id}/capture`, { amount })
    this.#note(id, { ...this.#charges.get(id), state: 'collected', amount })
  }

  /** Gives up what was reserved, which Stripe calls a refund though nothing had been collected. */
  async release(id) {
    await this.post('/v1/refunds', { charge: id })
    this.#note(id, { ...this.#charges.get(id), state: 'released' })
  }

  /** Gives some of a charge back. The charge changes with it: it tells how much of it was refunded. */
  async refund(id, amount) {
    const refund = await this.post('/v1/refunds', { charge: id, amount })
    const charge = this.#charges.get(id)
    this.#note(id, { ...charge, refunded: charge.refunded + amount })
    this.#changed.add(refund.id)
  }

  /** How many charges and refunds were created or changed since the last call. */
  takeChanged() {
    const { size } = this.#changed
    this.#changed.clear()
    return size
  }

  get chargeCount() {
    return this.#charges.size
  }

  /** What the books say, in the words of `buffalo revenue summary --format json`. */
  revenue(currency = 'USD') {
    // What was declined or released is told nowhere, and so is its currency.
    const told = [...this.#charges.values()].filter(({ state }) => state === 'collected' || state === 'reserved')
    const others = new Set(told.map((charge) => charge.currency.toUpperCase()))
    others.delete(currency)
    return {
      ...totals(told, currency),
      otherCurrencies: [...others].sort().map((other) => totals(told, other)),
    }
  }

  #note(id, charge) {
    this.#charges.set(id, charge)
    this.#changed.add(id)
    return id
  }

  /** Sends a request as the shop does; what came back. */
  async post(path, fields, expected = 200) {
    const response = await fetch(this.apiBase + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: new URLSearchParams(fields),
      signal,
    })
    const answer = await response.json()
    if (response.status !== expected) {
      throw new Error(`POST ${path} answered ${response.status}, not ${expected}: ${JSON.stringify(answer)}`)
    }
    return answer
  }
}

function totals(told, currency) {
  const charges = told.filter((charge) => charge.currency.toUpperCase() === currency)
  const collected = charges.filter(({ state }) => state === 'collected')
  const reserved = charges.filter(({ state }) => state === 'reserved')
  const sum = (list, field) => list.reduce((total, charge) => total + charge[field], 0)
  return {
    totalRevenueCents: String(sum(collected, 'amount')),
    currency,
    count: collected.length,
    refundedCents: String(sum(collected, 'refunded')),
    disputedCents: '0',
    disputedOpenCents: '0',
    netRevenueCents: String(sum(collected, 'amount') - sum(collected, 'refunded')),
    pendingCents: String(sum(reserved, 'amount')),
    pendingCount: reserved.length,
    pendingReturnsCents: '0',
    pendingReturnsCount: 0,
    unknownCents: '0',
    unknownCount: 0,
    excludedCents: '0',
    excludedCount: 0,
    refundsWithoutPaymentCents: '0',
    refundsWithoutPaymentCount: 0,
  }
}
