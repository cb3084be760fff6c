// stripe-stateful-mock, from npm: a Stripe server that runs inside this program.

import { Shop } from './shop.mjs'
import { stripeTest } from './stripe.mjs'

export const stripeStatefulMock = {
  name: 'stripe-stateful-mock',

  async open({ require, undo }) {
    require('loglevel').setDefaultLevel('warn')
    const shop = await Shop.open(require('stripe-stateful-mock').createExpressApp())
    undo.push(() => shop.close())
    shop.payers = { solvent: { source: 'tok_visa' }, broke: { source: 'tok_chargeDeclinedInsufficientFunds' } }
    return stripeTest(shop, { refusal: /401.*Invalid API Key provided/, capturesPart: true })
  },
}
