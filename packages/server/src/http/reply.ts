// Idempotency-Key (P76–P78): the row of an attempt is committed before its effect and completed in the effect's own transaction, so a crash leaves
// either both or neither. A reply is sealed at rest, holds no secret that is shown once, and says nothing to another tenant, principal or route.
import { Problem } from '@countersign/sdk'
import { canonical } from '../crypto/canonical.ts'
import { sha256 } from '../crypto/token.ts'
import type { Scope } from '../db/scope.ts'
import { type Db, once, type Tx, tx } from '../db/tx.ts'
import { newId } from '../std/id.ts'
import type { Answer } from './answer.ts'
import { type Json, type JsonObject, readJson, writeJson } from './json.ts'
import {
  type BegunReply,
  type BegunTogether,
  beginReplies,
  beginReply,
  completeReplies,
  type ReplyAttempt,
  releaseReply,
  sweepReplies,
} from './sql.ts'
import { together } from './together.ts'

/** Handed in: this room knows no tenant's key. `id` is bound into the envelope. */
export type ReplySealing = {
  seal(t: Tx, scope: Scope, id: string, text: string): Promise<Buffer>
  open(t: Tx, scope: Scope, id: string, sealed: Buffer): Promise<string>
}

export type Repeatable = { route: string; method: string; path: string; query: string; body: Json | undefined; key: string }

export type Attempt = {
  /** In the transaction of the effect. Throws when the lease lapsed and another attempt took over: then nothing of this one may stand. */
  complete(t: Tx, answer: Answer): Promise<void>
  /** After the handler: keeps what was answered, or frees the key when the answer is not one to repeat. */
  settle(answer: Answer, keep: boolean): Promise<void>
}

export type Replies = {
  begin(scope: Scope, call: Repeatable): Promise<{ replay: Answer } | { attempt: Attempt }>
  sweep(): Promise<number>
}

const LEASE_MS = 60_000
const SWEEP_BATCH = 1_000
// Statements about keys that may be under way.
const BEGINNING = 2
/** What a stored reply keeps of the headers: what a client acts on, nothing of this one connection. */
const KEPT = ['Content-Type', 'Location', 'Countersign-Ignored']
const KEY = /^[\x21-\x7e]{1,255}$/

/** The header's value; 400 when it is there but not one visible ASCII text of 1 to 255 characters. */
export function idempotencyKey(values: readonly string[]): string | null {
  if (values.length === 0) return null
  const [key = ''] = values
  if (values.length > 1 || !KEY.test(key)) throw new Problem('idempotency_key_invalid')
  return key
}

export function openReplies(options: { db: Db; sealing: ReplySealing; keepMs?: number }): Replies {
  const { db, sealing, keepMs = 24 * 3_600_000 } = options
  const begin = beginner(db, { leaseMs: LEASE_MS, keepMs })
  return {
    async begin(scope, call) {
      const attempt = newId('rpl')
      const begun = await begin({ scope, route: call.route, keyHash: sha256(call.key), fingerprint: fingerprint(call), attempt })
      if (begun?.outcome === 'begun') return { attempt: attemptOf(db, sealing, scope, attempt) }
      if (begun?.outcome === 'mismatch') throw new Problem('idempotency_mismatch')
      if (begun?.outcome !== 'replay') throw new Problem('idempotency_in_flight', { retry_after: 1 })
      const { id, reply } = begun
      const text = await tx(db, withoutHook(scope), (t) => sealing.open(t, scope, id, reply as Buffer), { readOnly: true })
      return { replay: replayed(text) }
    },
    async sweep() {
      let total = 0
      for (;;) {
        const [row] = await once<{ swept: number }>(db, sweepReplies(SWEEP_BATCH))
        total += row?.swept ?? 0
        if ((row?.swept ?? 0) < SWEEP_BATCH) return total
      }
    },
  }
}

/** Whoever comes while others are begun goes with the next: one commit stands for all of them. */
function beginner(db: Db, times: { leaseMs: number; keepMs: number }): (one: ReplyAttempt) => Promise<BegunReply | undefined> {
  const alone = async (one: ReplyAttempt) => (await once<BegunReply>(db, beginReply(one, times)))[0]
  const join = together<ReplyAttempt, BegunTogether | undefined>({
    groupOf: () => '',
    atOnce: BEGINNING,
    async run(all) {
      const rows = await once<BegunTogether>(db, beginReplies(all, times))
      const begun = new Map(rows.map((row) => [row.nth, row]))
      return all.map((_, i) => begun.get(i + 1))
    },
  })
  return async (one) => {
    const begun = await join(one)
    return begun?.outcome === 'again' ? alone(one) : (begun as BegunReply | undefined)
  }
}

function attemptOf(db: Db, sealing: ReplySealing, scope: Scope, id: string): Attempt {
  let completed = false
  const store = async (t: Tx, answer: Answer) => {
    const stored = writeJson({
      status: answer.status,
      headers: kept(answer.headers),
      body: answer.body === null ? null : String(answer.body),
    })
    return complete(t, scope, id, await sealing.seal(t, scope, id, stored))
  }
  return {
    async complete(t, answer) {
      if (!(await store(t, answer))) throw new Problem('idempotency_in_flight', { retry_after: 1 })
      t.afterCommit(() => {
        completed = true
      })
    },
    async settle(answer, keep) {
      if (completed && answer.status < 400) return
      await tx(db, withoutHook(scope), async (t) => {
        if (keep) await store(t, answer)
        else await releaseReply(t, scope, id)
      })
    },
  }
}

type Completing = { all: { id: string; reply: Buffer }[]; done: Promise<ReadonlySet<string>> }
const completing = new WeakMap<Tx, Map<string, Completing>>()

/** False: another attempt has taken over. Those that a transaction completes at the same moment share a statement. */
async function complete(t: Tx, scope: Scope, id: string, reply: Buffer): Promise<boolean> {
  const open = completing.get(t) ?? new Map<string, Completing>()
  completing.set(t, open)
  const known = open.get(scope.tenantId)
  known?.all.push({ id, reply })
  if (known) return (await known.done).has(id)
  const all = [{ id, reply }]
  // Behind whoever has been called already and is about to come here.
  const done = Promise.resolve().then(async () => {
    open.delete(scope.tenantId)
    return new Set((await completeReplies(t, scope, all)).map((row) => row.id))
  })
  open.set(scope.tenantId, { all, done })
  return (await done).has(id)
}

const withoutHook = (scope: Scope): Scope => ({ ...scope, beforeCommit: undefined })

function fingerprint({ method, path, query, body }: Repeatable): Buffer {
  return sha256([method, path, query, body === undefined ? '' : canonical(body)].join('\n'))
}

function kept(headers: Answer['headers']): Record<string, string> {
  return Object.fromEntries(KEPT.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name] as string]] : [])))
}

function replayed(text: string): Answer {
  const stored = readJson(text) as { status: number; headers: Record<string, string>; body: string | null }
  return { ...stored, headers: { ...stored.headers, 'Idempotency-Replayed': 'true' } }
}

/** Whether the same call, repeated, should hear the same again (P78). A 5xx is not kept either: nothing was done, and the next try may do it. */
export function isKept(problem: Problem): boolean {
  if (problem.status >= 500 || [400, 401, 403, 413, 414, 415, 421, 428, 429, 431].includes(problem.status)) return false
  return problem.status !== 422
    ? problem.code !== 'idempotency_in_flight'
    : problem.code !== 'idempotency_mismatch' && problem.errors.length === 0
}

/** The body without the members that are shown once; beside each stands `secret_shown: false`. A member of a member is named with a dot. */
export function withoutSecrets(body: string, names: readonly string[]): string {
  // Most answers have none of them, and are not read.
  if (!names.some((name) => body.includes(`"${name.slice(name.lastIndexOf('.') + 1)}"`))) return body
  const value = readJson(body)
  for (const name of names) {
    const path = name.split('.')
    const last = path.pop() as string
    const holder = path.reduce<Json | undefined>((inner, part) => (isObject(inner) ? inner[part] : undefined), value)
    if (!isObject(holder) || !(last in holder)) continue
    delete holder[last]
    holder.secret_shown = false
  }
  return writeJson(value)
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
