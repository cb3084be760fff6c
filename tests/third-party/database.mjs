// A database of its own for one run of the test.

import { randomBytes } from 'node:crypto'

/** Creates a database on the server of `serverUrl`, a TCP or Unix-socket URL; its URL, and ways to ask and drop it. */
export async function createDatabase(pg, serverUrl) {
  const name = `buffalo_third_party_${randomBytes(6).toString('hex')}`
  await ask(pg, serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    rows: (query) => ask(pg, url.href, query),
    drop: () => ask(pg, serverUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function ask(pg, connectionString, statement) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
