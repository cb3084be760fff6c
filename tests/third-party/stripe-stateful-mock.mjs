// stripe-stateful-mock, from npm: a Stripe server that runs inside this program.

import { Shop } from './shop.mjs'
import { stripeTest } from './stripe.mjs'

export const stripeStatefulMock = {
  name: 'stripe-stateful-mock',

  async open({ require, undo }) {
    require('loglevel').setDefaultLevel('warn')
    releaseWithoutMoney(require)
    const shop = await Shop.open(require('stripe-stateful-mock').createExpressApp())
    undo.push(() => shop.close())
    shop.payers = { solvent: { source: 'tok_visa' }, broke: { source: 'tok_chargeDeclinedInsufficientFunds' } }
    return stripeTest(shop, { refusal: /401.*Invalid API Key provided/, capturesPart: true })
  },
}

/** Left to itself it makes a balance transaction of every refund. Giving up what was never captured moves no money. */
function releaseWithoutMoney(require) {
  const { charges } = require('stripe-stateful-mock/dist/api/charges')
  const { refunds } = require('stripe-stateful-mock/dist/api/refunds')
  const create = refunds.create
  refunds.create = (account, fields) => {
    const refund = create(account, fields)
    if (charges.retrieve(account, refund.charge, 'id').amount_captured === 0) refund.balance_transaction = null
    return refund
  }
}
