// countersign evidence …: what an incident leaves behind, in one folder (P144): the events that concern a key, a person or the whole tenant, the sessions that
// they name, a receipt for each that counts as a record, and the deliveries that told of them. Read through the API alone, so whoever asks sees no more than
// their role does; a manifest says what was asked and holds the digest of every file. Never changes anything, never holds content of a task.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Countersign, Problem, type RouteAnswer, type RouteQuery } from '@countersign/sdk'
import type { Command } from 'commander'
import { print } from './output.ts'
import type { Door } from './tasks.ts'

type Event = RouteAnswer<'GET /events'>['data'][number]
type Delivery = RouteAnswer<'GET /deliveries'>['data'][number]

export type Ask = {
  /** An id, or null: the whole tenant. */
  subject: string | null
  from: string
  to: string
}
export type Manifest = {
  v: 1
  subject: string | null
  from: string
  to: string
  counts: { events: number; sessions: number; receipts: number; deliveries: number }
  /** Events whose receipt could not be had, with the code that was answered. */
  without_receipt: { event_id: string; code: string }[]
  files: { name: string; sha256: string }[]
}

const EXAMPLES = `
Examples:
  $ countersign evidence --key key_01J… --from 2026-05-01T00:00:00Z --to 2026-05-02T00:00:00Z --out incident-7
  $ countersign evidence --user usr_01J… --from 2026-05-01T00:00:00Z --out incident-7
  $ countersign evidence --tenant --from 2026-05-01T00:00:00Z --out incident-7

Receipts verify offline: countersign receipt verify incident-7/receipts/evt_….jws --keys receipt-keys.json
`

export function evidenceCommand(parent: Command, { client, output }: Door): void {
  const evidence = parent
    .command('evidence')
    .description('what concerns a key, a person or the tenant in a span of time, as one folder')
    .option('--key <id>', 'what was done with this key, and to it')
    .option('--user <id>', 'what this person or agent did, and what was done to them')
    .option('--tenant', 'everything in the tenant')
    .requiredOption('--from <time>', 'at or after it, as RFC 3339')
    .option('--to <time>', 'before it; now')
    .requiredOption('--out <folder>', 'where to')
    .addHelpText('after', EXAMPLES)
    .action(async ({ key, user, tenant, from, to = new Date().toISOString(), out }: Options) => {
      const named = [key, user, tenant].filter((one) => one !== undefined)
      if (named.length !== 1) evidence.error('error: name one of --key, --user and --tenant', { exitCode: 2 })
      const manifest = await collectEvidence(client(), { subject: key ?? user ?? null, from, to }, out)
      const told = Object.entries(manifest.counts).map(([name, n]) => `${n} ${name}`)
      print(output(), manifest, () => `${out}  ${told.join(', ')}`)
    })
}

type Options = { key?: string; user?: string; tenant?: true; from: string; to?: string; out: string }

export async function collectEvidence(client: Countersign, ask: Ask, folder: string): Promise<Manifest> {
  const span = { since: ask.from, until: ask.to }
  const events = (await all((cursor) => client.call('GET /events', { query: { ...span, limit: 200, cursor } }))).filter((one) =>
    concerns(one, ask.subject),
  )
  events.reverse() // oldest first, as it happened
  const ids = new Set(events.map((one) => one.id))
  const query = (cursor: string | undefined): RouteQuery<'GET /deliveries'> => ({ ...span, limit: 200, cursor })
  const deliveries = (await all<Delivery>((cursor) => client.call('GET /deliveries', { query: query(cursor) }))).filter((one) =>
    ids.has(one.event_id),
  )
  const files: Manifest['files'] = []
  const keep = async (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(text))
    files.push({ name, sha256: Buffer.from(digest).toString('hex') })
  }
  mkdirSync(join(folder, 'receipts'), { recursive: true, mode: 0o700 })
  await keep('events.ndjson', lines(events))
  const sessions = sessionsOf(events)
  await keep('sessions.json', `${JSON.stringify(sessions, null, 2)}\n`)
  await keep('deliveries.ndjson', lines(deliveries))
  const without: Manifest['without_receipt'] = []
  for (const { id } of events.filter((one) => one.class === 'audit')) {
    try {
      const { receipt } = await client.events.receipt(id)
      await keep(join('receipts', `${id}.jws`), `${receipt}\n`)
    } catch (error) {
      if (!(error instanceof Problem) || error.status === 0) throw error
      without.push({ event_id: id, code: error.code })
    }
  }
  const manifest: Manifest = {
    ...{ v: 1, ...ask },
    counts: {
      events: events.length,
      sessions: sessions.length,
      receipts: files.length - 3,
      deliveries: deliveries.length,
    },
    without_receipt: without,
    files,
  }
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
  return manifest
}

/** Every page, newest first. */
async function all<T>(page: (cursor: string | undefined) => Promise<{ data: T[]; next_cursor: string | null }>): Promise<T[]> {
  const rows: T[] = []
  for (let cursor: string | undefined; ; ) {
    const { data, next_cursor } = await page(cursor)
    rows.push(...data)
    if (next_cursor === null) return rows
    cursor = next_cursor
  }
}

/** Whether an event was done by it, with it, on its behalf, or to it. */
function concerns({ actor, on_behalf_of, resource }: Event, subject: string | null): boolean {
  if (subject === null) return true
  const named = [actor.id, actor.key_id, actor.session_id, resource?.id, ...on_behalf_of.map((one) => one.id)]
  return named.includes(subject)
}

function sessionsOf(events: readonly Event[]) {
  const seen = new Map<string, { session_id: string; actor: string; first_at: string; last_at: string; events: number }>()
  for (const { actor, occurred_at } of events) {
    if (!actor.session_id) continue
    const at = String(occurred_at)
    const one = seen.get(actor.session_id) ?? {
      session_id: actor.session_id,
      actor: actor.id,
      first_at: at,
      last_at: at,
      events: 0,
    }
    seen.set(actor.session_id, { ...one, last_at: at, events: one.events + 1 })
  }
  return [...seen.values()]
}

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
