// A calendar on a Google Calendar server which this project did not write, and a book of it: what Buffalo should have is
// computed from what was sent, never from what the server lists.

import { same, signal } from './checks.mjs'

export class Calendar {
  token = 'a-token-of-the-third-party-test'
  /** The server's address, up to `/calendars/…`. */
  apiBase
  /** What is in the calendar, by id. */
  events = new Map()
  /** What was in it. */
  #gone = new Map()

  constructor(id, timeZone) {
    this.id = id
    this.timeZone = timeZone
  }

  /** Adds an event; its id. */
  async add(event) {
    const { id } = await (await this.#ask('POST', '', event)).json()
    this.note(id, event)
    return id
  }

  async remove(id) {
    await this.#ask('DELETE', `/${encodeURIComponent(id)}`)
    this.#gone.set(id, this.events.get(id))
    this.events.delete(id)
  }

  /** Writes down an event that is there without having been added here. */
  note(id, event) {
    this.events.set(id, event)
    this.#gone.delete(id)
  }

  /** Writes down that the calendar was emptied. */
  forget() {
    for (const [id, event] of this.events) this.#gone.set(id, event)
    this.events.clear()
  }

  /** What there should be in the table of events. */
  expectedRows() {
    const row = ([id, event], isGone) => ({
      external_id: `${this.id}/${id}`,
      calendar_external_id: this.id,
      status: isGone ? 'CANCELLED' : (event.status ?? 'confirmed').toUpperCase(),
      title: event.summary,
      description: event.description ?? null,
      location: event.location ?? null,
      time_zone: this.timeZone,
      starts_at: event.start.dateTime ? new Date(event.start.dateTime) : null,
      ends_at: event.end.dateTime ? new Date(event.end.dateTime) : null,
      start_date: event.start.date ?? null,
      end_date: event.end.date ?? null,
      is_dated: true,
      is_gone: isGone,
    })
    return [...[...this.events].map((entry) => row(entry, false)), ...[...this.#gone].map((entry) => row(entry, true))]
  }

  async #ask(method, path, body) {
    const answer = await fetch(`${this.apiBase}/calendars/${encodeURIComponent(this.id)}/events${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
      signal,
    })
    same(`the answer to ${method} of an event`, answer.ok, true)
    return answer
  }
}
