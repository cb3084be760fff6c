// emulate, from npm: Google's APIs, the calendar among them, in a server that runs inside this program.
//
// It has no sync tokens, no series and no way to change an event, and answers a page with 250 events at most.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

import { Calendar } from './calendar.mjs'
import { check, same, signal } from './checks.mjs'

const user = 'user@example.com'
const pageSize = 250

export const emulate = {
  name: 'emulate',

  async open({ packages, undo, database }) {
    const { createEmulator } = await import(pathToFileURL(join(packages, 'node_modules', 'emulate', 'dist', 'api.js')))
    const calendar = new Calendar('team@example.com', 'Europe/Berlin')
    // What the server begins with, and returns to when it is reset.
    const origin = {
      id: 'evt_origin',
      calendar_id: calendar.id,
      summary: 'Planning',
      start_date_time: '2026-11-23T09:00:00+01:00',
      end_date_time: '2026-11-23T10:00:00+01:00',
    }
    const google = {
      users: [{ email: user, name: 'User' }],
      calendars: [{ id: calendar.id, summary: 'Team', primary: true, time_zone: calendar.timeZone }],
      calendar_events: [origin],
    }
    const port = await freePort()
    const tokens = { [calendar.token]: { login: user, scopes: [] } }
    const server = await createEmulator({ service: 'google', port, seed: { tokens, google } })
    undo.push(() => server.close())
    calendar.apiBase = `http://127.0.0.1:${port}/calendar/v3`
    calendar.note(origin.id, resourceOf(origin))

    /** Takes the calendar back to its beginning, in which the first event is another than it was. */
    const rewind = (change) => {
      Object.assign(origin, change)
      server.reset()
      calendar.forget()
      calendar.note(origin.id, resourceOf(origin))
    }
    const settings = {
      GCAL_API_BASE: calendar.apiBase,
      GOOGLE_ACCESS_TOKEN: calendar.token,
      GOOGLE_CALENDAR_ID: calendar.id,
    }
    return { settings, run: (buffalo) => scenario(buffalo, calendar, rewind, database) }
  },
}

/** A port that is free: emulate does not tell which one it got. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** An event of emulate's configuration, as Google's API has it. */
function resourceOf({ summary, start_date_time, end_date_time }) {
  return { summary, start: { dateTime: start_date_time }, end: { dateTime: end_date_time } }
}

async function scenario(buffalo, calendar, rewind, database) {
  const doomed = await makeEvents(calendar)

  await check('migrate makes the tables', async () => {
    assert.ok((await buffalo.must('migrate')).applied > 0, 'no migration was applied')
  })

  await check('a calendar that is not there fails the run, and says why', async () => {
    const { code, json } = await buffalo.run(['fetch'], { GOOGLE_CALENDAR_ID: 'absent@example.com' })
    same('exit code', code, 1)
    same('status', json.runs[0].status, 'failed')
    assert.match(json.runs[0].error, /404.*Requested entity was not found/)
    assert.ok(!json.runs[0].error.includes(calendar.token), 'the token is in the error')
  })

  await check('the first fetch brings everything, over two pages', async () => {
    const events = calendar.events.size
    assert.ok(events > pageSize && events <= 2 * pageSize, `${events} events`)
    const counts = await fetchAndProcess(buffalo, events)
    same('records fetched', counts.recordsFetched, events)
  })

  await check('the events are those of the calendar', () => compareEvents(database, calendar))

  await check('a later fetch enqueues what came and what went, and nothing else', async () => {
    await calendar.remove(doomed)
    await calendar.add({ summary: 'Retrospective', ...hours('2026-12-18T14:00:00+01:00', '2026-12-18T15:00:00+01:00') })
    await fetchAndProcess(buffalo, 2)
    await compareEvents(database, calendar)
  })

  await check('a fetch after which nothing happened enqueues nothing', async () => {
    await fetchAndProcess(buffalo, 0)
    await compareEvents(database, calendar)
  })

  await check('a calendar that lost all but one event, and that one changed, is what is left', async () => {
    const before = calendar.events.size
    rewind({ summary: 'Planning, later', start_date_time: '2026-11-24T13:00:00Z', end_date_time: '2026-11-24T14:30:00Z' })
    await fetchAndProcess(buffalo, before)
    await compareEvents(database, calendar)
  })

  await check('nothing is left over: no outbox, no dead letters, no unknown statuses', async () => {
    const { outbox, deadLetters, unmappedStatuses } = await buffalo.must('status')
    same('leftovers', { outbox, deadLetters, unmappedStatuses }, { outbox: [], deadLetters: [], unmappedStatuses: [] })
  })
}

/** Fills the calendar; the id of an event that is to be removed later. */
async function makeEvents(calendar) {
  const doomed = await calendar.add({
    summary: 'Lunch — “Zur Büffelherde” 🦬',
    description: 'First line\nSecond line',
    location: 'Zürich',
    ...hours('2026-11-25T12:00:00+01:00', '2026-11-25T13:15:00+01:00'),
  })
  await calendar.add({ summary: 'Call', ...hours('2026-11-24T23:30:00-05:00', '2026-11-25T00:30:00-05:00') })
  await calendar.add({ summary: 'Perhaps', status: 'tentative', ...hours('2026-12-01T08:00:00Z', '2026-12-01T08:30:00Z') })
  await calendar.add({ summary: 'Holiday', ...days('2026-12-25', '2026-12-27') })
  await calendar.add({ summary: 'Leap day', ...days('2028-02-29', '2028-03-01') })
  // The clocks go back between its start and its end.
  await calendar.add({ summary: 'Night shift', ...hours('2026-10-25T01:30:00+02:00', '2026-10-25T03:30:00+01:00') })
  for (let n = 0; n < pageSize; n += 1) {
    const start = Date.UTC(2027, 0, 1, n)
    await calendar.add({
      summary: `Slot ${n}`,
      ...hours(new Date(start).toISOString(), new Date(start + 1_800_000).toISOString()),
    })
  }
  return doomed
}

function hours(start, end) {
  return { start: { dateTime: start }, end: { dateTime: end } }
}

function days(start, end) {
  return { start: { date: start }, end: { date: end } }
}

/** Fetches and processes everything; what the fetch counted. Without sync tokens, every fetch lists the calendar. */
async function fetchAndProcess(buffalo, enqueued) {
  // When something was seen is known to the second, and what was seen in the second of a listing is not missed by it.
  await setTimeout(1_000, undefined, { signal })
  const [fetched] = (await buffalo.must('fetch', '--mode', 'full')).runs
  same('status and mode of the fetch', [fetched.status, fetched.mode], ['success', 'full'])
  same('records enqueued', fetched.counts.recordsEnqueued, enqueued)
  const [processed] = (await buffalo.must('process')).runs
  same('the status of the processing', processed.status, 'success')
  same('records processed', processed.counts.recordsProcessed, enqueued)
  return fetched.counts
}

async function compareEvents(database, calendar) {
  const rows = await database.rows(`
    SELECT external_id, calendar_external_id, status, title, description, location, time_zone, starts_at, ends_at,
           start_date::text, end_date::text, vendor_created_at IS NOT NULL AS is_dated, deleted_at IS NOT NULL AS is_gone
    FROM events`)
  const byId = (a, b) => (a.external_id < b.external_id ? -1 : 1)
  const expected = calendar.expectedRows().sort(byId)
  const stored = new Map(rows.map((row) => [row.external_id, row]))
  for (const row of expected) same(`event ${row.external_id}`, stored.get(row.external_id), row)
  same('events', rows.map((row) => row.external_id).sort(), expected.map((row) => row.external_id).sort())
}
