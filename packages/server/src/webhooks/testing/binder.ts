// A small room that binds endpoints, for tests: it knows threads by their ids alone, writes down what it is asked and told, and answers as the test says.
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { type House, setup } from '#harness'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { openBound } from '../bound/bound.ts'
import type { Telling } from '../bound/delivering.ts'
import type { BoundAnswer, BoundAttempt, BoundDelivery, BoundHooks, BoundResult, Side } from '../bound/hooks.ts'
import type { BoundWishes } from '../bound/wishes.ts'
import type { WebhooksHouse } from '../house.ts'
import type { Receiver } from './receiver.ts'

export type Room = {
  held: string[][]
  attempts: BoundDelivery[]
  answers: (BoundAnswer & { delivery: BoundDelivery; text: string })[]
  results: (BoundResult & { id: string })[]
  /** What locks a thread. */
  hold: (t: Tx) => unknown
  /** What an attempt has of its own; null: it may not leave. */
  attempt: (delivery: BoundDelivery, t: Tx, scope: Scope) => BoundAttempt | null | Promise<BoundAttempt | null>
  answered: (delivery: BoundDelivery, t: Tx, scope: Scope) => 'taken' | 'invalid' | Promise<'taken' | 'invalid'>
}

function openRoom(): Room & { hooks: BoundHooks } {
  const room: Room = {
    held: [],
    attempts: [],
    answers: [],
    results: [],
    hold: () => undefined,
    attempt: () => ({}),
    answered: () => 'taken',
  }
  const hooks: BoundHooks = {
    async hold(t, _scope, keys) {
      room.held.push([...keys])
      await room.hold(t)
    },
    async attempt(t, scope, deliveries) {
      const may = new Map<string, BoundAttempt>()
      for (const delivery of deliveries) {
        room.attempts.push(delivery)
        const attempt = await room.attempt(delivery, t, scope)
        if (attempt) may.set(delivery.id, attempt)
      }
      return may
    },
    async answered(t, scope, delivery, answer) {
      room.answers.push({ ...answer, delivery, text: answer.body.toString() })
      return room.answered(delivery, t, scope)
    },
    async settled(_t, _scope, all) {
      for (const { delivery, result } of all) room.results.push({ ...result, id: delivery.id })
    },
  }
  return Object.assign(room, { hooks })
}

export async function openBinder(receivers: readonly Receiver[], settings: Record<string, string> = {}) {
  const room = openRoom()
  const inside: WebhooksHouse[] = []
  const house: House = await setup({
    settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: receivers.map(({ port }) => `127.0.0.1:${port}`).join(','), ...settings },
    beside: ({ webhooks }) => {
      webhooks.bound = room.hooks
      inside.push(webhooks)
      return []
    },
  })
  const webhooks = inside[0] as WebhooksHouse
  const bound = openBound(webhooks)
  const scope = systemScope('relay', house.tenantId)
  const inTx = <T>(fn: (t: Tx) => Promise<T>) => tx(house.db, scope, fn)
  const card = newId('card')
  const grant = newId('rgr')
  const placeOf = (side: Side, boundTo: string) => ({ boundTo, side, relayGrantId: side === 'caller' ? grant : null })
  return {
    ...{ house, webhooks, bound, room, scope, inTx, card, grant },
    thread: () => newId('thr'),
    /** An endpoint of the card, or of a thread on the caller's side. */
    async put(boundTo: string, wishes: BoundWishes) {
      const side = boundTo === card ? 'owner' : 'caller'
      const whose = side === 'owner' ? ({ side, tenantId: house.tenantId } as const) : ({ side, callerTenant: null } as const)
      const wanted = await bound.prepare(whose, wishes)
      return inTx((t) => bound.put(t, scope, placeOf(side, boundTo), wanted))
    },
    async putConfig(boundTo: string, wishes: Parameters<typeof bound.prepareConfig>[1]) {
      const wanted = await bound.prepareConfig({ side: 'caller', callerTenant: null }, wishes)
      return inTx((t) => bound.put(t, scope, placeOf('caller', boundTo), wanted))
    },
    /** A message for the card's agent. */
    message(thread: string, more: Partial<Telling> = {}) {
      const messageId = newId('msg')
      return inTx((t) => bound.deliver(t, scope, { ...tellingOf('owner', [card], thread), messageId, ...more }))
    },
    /** News for the caller. */
    news(thread: string, more: Partial<Telling> = {}) {
      return inTx((t) => bound.deliver(t, scope, { ...tellingOf('caller', [thread], thread), relayGrantId: grant, ...more }))
    },
    seen: (side: Side, key: string) => inTx((t) => bound.deliveries(t, scope, { key, side, limit: 100 })),
  }
}

export type Binder = Awaited<ReturnType<typeof openBinder>>

function tellingOf(side: Side, subjects: string[], key: string): Telling {
  const links = { inspect: `/api/v1/threads/${key}` }
  const thread = { id: key, state: side === 'owner' ? 'queued' : 'responded' }
  const parts = [{ text: `hello ${randomBytes(8).toString('hex')}` }]
  return {
    ...{ eventId: newId('evt'), type: side === 'owner' ? 'message.accepted' : 'thread.responded', side, subjects, key },
    ...{ relayGrantId: null, sealedUnder: 'day:2026-11-23' },
    data: (form) => ({
      agent: 'books',
      thread,
      message: { payload_hash: 'sha256:00', ...(form === 'full' ? { parts } : {}) },
      links,
    }),
  }
}

/** Each attempt of a schedule, until nothing waits any more: time goes to where the next is due. */
export async function runOut({ house, seen }: Binder, side: Side, key: string): Promise<number> {
  await house.runJobs()
  for (let moves = 0; ; moves++) {
    const due = (await seen(side, key)).flatMap(({ next_attempt_at }) => next_attempt_at ?? [])
    const next = Math.min(...due.map((one) => one.getTime()))
    if (due.length === 0) return moves
    expect(moves).toBeLessThan(60)
    await house.clock.advance(Math.max(0, next - house.clock.now().getTime()) + 5)
    await house.runJobs()
  }
}
