// Lets programs that others wrote ask a live `buffalo serve` everything that its OpenAPI document promises: newman sends the
// Postman collection, Schemathesis makes up requests, good and bad ones, and follows links. Started by
// scripts/test-contract.
//
//   node main.mjs PACKAGES BINARY SERVER_URL
//
// PACKAGES is the directory in which both are installed, BINARY is Buffalo, SERVER_URL leads to PostgreSQL.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { check, end, same, signal, tidily } from '../third-party/checks.mjs'
import { createDatabase } from '../third-party/database.mjs'
import { collectionOf } from './collection.mjs'
import { finished, freePort, serving } from './processes.mjs'

const [packages, binary, serverUrl] = process.argv.slice(2)
const here = dirname(fileURLToPath(import.meta.url))
const postman = join(here, '..', '..', 'postman')
const pg = createRequire(join(packages, 'package.json'))('pg')

const apiKey = 'contract-reader-key'
const adminApiKey = 'contract-admin-key'

/** Longer than anything here takes, so that what hangs is a failure. */
const timeoutMs = 240_000

/** Sends the Postman collection. */
async function newman(base) {
  const variables = { baseUrl: base, apiKey, adminApiKey, metricsApiKey: apiKey }
  const arguments_ = Object.entries(variables).flatMap(([name, value]) => ['--env-var', `${name}=${value}`])
  await finished(
    join(packages, 'node_modules', '.bin', 'newman'),
    ['run', join(postman, 'buffalo.postman_collection.json')]
      .concat('--environment', join(postman, 'buffalo.postman_environment.json'))
      .concat('--reporters', 'cli', '--color', 'off', '--reporter-cli-no-banner', '--reporter-cli-no-success-assertions', arguments_),
    { signal, timeoutMs },
  )
}

/** Makes up requests of the document. What it finds is printed with a command that repeats the request. */
async function schemathesis(base, cwd) {
  await finished(
    join(packages, 'python', 'bin', 'schemathesis'),
    ['--config-file', join(here, 'schemathesis.toml'), 'run', `${base}/openapi.json`],
    { cwd, signal, timeoutMs, env: { ...process.env, API_KEY: apiKey, ADMIN_API_KEY: adminApiKey, PYTHONWARNINGS: 'ignore' } },
  )
}

/** A database with something of everything, and a server of it. */
async function open(undo) {
  const cwd = await mkdtemp(join(tmpdir(), 'buffalo-contract-'))
  undo.push(() => rm(cwd, { recursive: true }))
  const database = await createDatabase(pg, serverUrl)
  undo.push(database.drop)
  const sandboxPort = await freePort()
  const port = await freePort()
  const { PATH, HOME } = process.env
  const sandbox = `http://127.0.0.1:${sandboxPort}`
  const env = {
    PATH,
    HOME,
    DATABASE_URL: database.url,
    STRIPE_API_BASE: sandbox,
    STRIPE_API_KEY: 'sk_test_sandbox',
    STRIPE_WEBHOOK_SECRET: 'whsec_sandbox',
    HUBSPOT_API_BASE: sandbox,
    HUBSPOT_ACCESS_TOKEN: 'pat-na1-sandbox',
    GCAL_API_BASE: `${sandbox}/calendar/v3`,
    GOOGLE_ACCESS_TOKEN: 'ya29.sandbox',
    GOOGLE_CALENDAR_ID: 'primary',
    HUBSPOT_WEBHOOK_SECRET: 'hubspot-sandbox',
    GCAL_WEBHOOK_TOKEN: 'gcal-sandbox-token',
    PUBLIC_URL: 'https://buffalo.example.com',
    RATE_LIMIT_PER_SEC: '0',
    HOST: '127.0.0.1',
    PORT: String(port),
    API_KEY: apiKey,
    ADMIN_API_KEY: adminApiKey,
    METRICS_API_KEY: apiKey,
    HTTP_RATE_LIMIT_PER_MIN: '0',
    TRIGGER_CONCURRENCY: '16',
    LOG_LEVEL: 'error',
    // Refuses all but dollars, and at once, so that there are dead letters, and replayed ones become such again.
    SUPPORTED_CURRENCIES: 'USD',
    OUTBOX_MAX_ATTEMPTS: '1',
  }
  // What it has to say of what it is sent is of no interest but when it does not begin.
  const options = { cwd, env, signal, timeoutMs, log: join(packages, 'buffalo.log') }
  const data = ['--charges', '200', '--deals', '20', '--contacts', '20', '--events', '20']
  undo.push(await serving(binary, ['sandbox', '--port', String(sandboxPort), ...data], options, `${sandbox}/_sandbox/requests`))
  await finished(binary, ['migrate'], options)
  await finished(binary, ['fetch'], options)
  await finished(binary, ['process'], { ...options, env: { ...env, LOG_LEVEL: 'off' }, codes: [0, 3] })
  const base = `http://127.0.0.1:${port}`
  undo.push(await serving(binary, ['serve'], options, `${base}/healthz`))
  return { base, cwd, env }
}

await tidily(async (undo) => {
  const { base, cwd, env } = await open(undo)
  await check('buffalo openapi is what the server serves', async () => {
    const printed = JSON.parse(await finished(binary, ['openapi'], { cwd, env, signal, timeoutMs, quiet: true }))
    same('the document', printed, await (await fetch(`${base}/openapi.json`)).json())
    const collection = JSON.parse(await readFile(join(postman, 'buffalo.postman_collection.json'), 'utf8'))
    same('the collection (see collection.mjs)', collection, collectionOf(printed))
  })
  await check('newman: the collection', () => newman(base))
  await check('the examples of the document are what it describes', () =>
    finished(join(packages, 'python', 'bin', 'python'), [join(here, 'examples.py'), `${base}/openapi.json`], { signal, timeoutMs }),
  )
  await check('schemathesis: the document', () => schemathesis(base, cwd))
})
end()
