// Lets the real Buffalo binary fetch from servers that this project did not write, and compares what it tells with what
// was sent to them. Started by scripts/test-third-party.
//
//   node main.mjs PACKAGES BINARY SERVER_URL
//
// PACKAGES is the directory in which everything is installed, BINARY is Buffalo, SERVER_URL leads to PostgreSQL.
//
// A server is an object with a `name` and `open`, which starts it, pushes onto `undo` what ends it, and returns the
// `settings` that Buffalo needs for it and `run`, which makes the checks with the Buffalo it is given.

import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buffaloWith } from './buffalo.mjs'
import { end, signal, tidily } from './checks.mjs'
import { createDatabase } from './database.mjs'
import { emulate } from './emulate.mjs'
import { localstripe } from './localstripe.mjs'
import { stripeStatefulMock } from './stripe-stateful-mock.mjs'
import { stripeSignatures } from './webhooks.mjs'

const servers = [stripeStatefulMock, localstripe, emulate, stripeSignatures]

const [packages, binary, serverUrl] = process.argv.slice(2)
const require = createRequire(join(packages, 'package.json'))
const pg = require('pg')

/** Makes the checks with one server. */
async function test(server, undo) {
  console.log(`\n${server.name}`)
  const directory = await mkdtemp(join(tmpdir(), 'buffalo-third-party-'))
  undo.push(() => rm(directory, { recursive: true }))
  const database = await createDatabase(pg, serverUrl)
  undo.push(database.drop)
  const { settings, run } = await server.open({ packages, require, undo, database, binary, directory })
  await run(buffaloWith(binary, directory, { DATABASE_URL: database.url, ...settings }, signal))
}

for (const server of servers) {
  if (!signal.aborted) await tidily((undo) => test(server, undo))
}
end()
