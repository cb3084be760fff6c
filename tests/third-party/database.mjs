// A database of its own for one run of the test.

import { randomBytes } from 'node:crypto'

/** Creates a database on the server of `serverUrl`, a TCP or Unix-socket URL; its URL, and a way to drop it. */
export async function createDatabase(pg, serverUrl) {
  const name = `buffalo_third_party_${randomBytes(6).toString('hex')}`
  await onServer(pg, serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => onServer(pg, serverUrl, `DROP DATABASE ${name} WITH (FORCE)`) }
}

async function onServer(pg, connectionString, statement) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
