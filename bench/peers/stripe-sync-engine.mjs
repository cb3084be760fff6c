// Copies all charges of a Stripe account into Postgres with @supabase/stripe-sync-engine, and prints what that took as
// one line of JSON. Started by `bench/peers/run stripe-sync-engine`.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const name = 'stripe-sync-engine'
const schema = 'stripe'

const { values: options } = parseArgs({
  options: {
    dir: { type: 'string' },
    'api-base': { type: 'string' },
    'api-key': { type: 'string' },
    'database-url': { type: 'string' },
    charges: { type: 'string' },
  },
})

// The packages are in the directory that was given, not beside this file.
const require = createRequire(join(options.dir, 'package.json'))
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')
const Stripe = require('stripe')
const { version } = require(join(options.dir, 'node_modules/@supabase/stripe-sync-engine/package.json'))

function fail(what) {
  console.error(`${name}: ${what}`)
  process.exit(1)
}

// The engine makes its Stripe client by itself and takes no address. The client is a plain property, so it is replaced
// by one that differs in nothing but the address.
function pointAt(sync, base) {
  const { hostname, port, protocol } = new URL(base)
  sync.stripe = new Stripe(options['api-key'], {
    appInfo: { name: 'Stripe Postgres Sync' },
    host: hostname,
    port: port || (protocol === 'https:' ? 443 : 80),
    protocol: protocol.replace(':', ''),
  })
}

const sync = new StripeSync({
  poolConfig: { connectionString: options['database-url'] },
  stripeSecretKey: options['api-key'],
  stripeWebhookSecret: 'whsec_unused',
  schema,
  // Charges alone are copied: neither the refunds of each nor the customers they name are asked for.
  autoExpandLists: false,
  backfillRelatedEntities: false,
})
pointAt(sync, options['api-base'])

async function count(query) {
  return Number((await sync.postgresClient.query(query)).rows[0].count)
}

const system = "('pg_catalog', 'information_schema')"
if (await count(`SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ${system}`)) {
  fail('the database must be empty; what is in it would change the work')
}
// Not in the time. A failure is logged and not thrown, so it has to be kept.
let failure
const logger = { info: () => {}, error: (error) => (failure = error) }
await runMigrations({ databaseUrl: options['database-url'], schema, logger })
if (failure) fail(`the migrations failed: ${failure.message}`)

const begun = performance.now()
const { synced } = await sync.syncCharges()
const seconds = (performance.now() - begun) / 1000

const rows = await count(`SELECT count(*) FROM ${schema}.charges`)
await sync.postgresClient.close()
const expected = Number(options.charges ?? synced)
if (rows !== expected) fail(`the table holds ${rows} charges, expected ${expected}`)
console.log(
  JSON.stringify({
    name,
    version,
    rows,
    seconds: Number(seconds.toFixed(3)),
    rowsPerSec: Number((rows / seconds).toFixed(1)),
    // Node gives it in KiB on every system.
    peakRssMb: Number((process.resourceUsage().maxRSS / 1024).toFixed(1)),
  }),
)
