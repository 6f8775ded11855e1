// A message of a caller is taken (relay.md T1, T12, R30, R57): thread, message, event, usage and whatever follows commit together, and the answer leaves after that. What is refused
// leaves nothing. Messages that come at the same time share a transaction, each under its own relay grant and with its own answer; those of different threads wait for no row in common.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { type Company, openCompany } from '../../tasks/company.ts'
import { holdSend, holdStart, type OwnerSide } from '../held/hold.ts'
import type { RelayHouse } from '../house.ts'
import { admit } from './accepting/admit.ts'
import { type Taken, takeAll } from './accepting/take.ts'
import { APART } from './accepting/weigh.ts'
import { Denied, type Face, notTheirs, problemOfDenied, throughGate } from './gate.ts'
import { judgeOut } from './out.ts'
import type { Payload } from './payload.ts'
import type { ApprovalRow, CardRow, MessageRow, ThreadRow } from './sql.ts'

export type { Face } from './gate.ts'
export type SendInput = {
  payload: Payload
  skill?: string | undefined
  operation_id?: string | undefined
  client_message_id?: string | undefined
  reference_thread_ids?: string[] | undefined
  /** Where the caller's data part stands in its body, for what is said of a fact. */
  dataAt?: (index: number) => string
  /** Of the whole body, where there is one. */
  bodyBytes?: number
  /** How long the sender waits for the answer. */
  waitMs?: number | undefined
  /** Puts what the sender wants to be told by, before anything is told. Answers the thread as it is then. */
  bind?: ((t: Tx, thread: ThreadRow) => Promise<ThreadRow>) | undefined
}
export type StartInput = SendInput & {
  context_id?: string | undefined
  accepted_output_modes?: string[] | undefined
  expires_in_seconds?: number | undefined
  live?: boolean | undefined
}
/** Which message it is. What its caller's own side held back comes in under the ids that it was given there. */
export type Place = { id: string; messageId?: string | undefined; face: Face }
/** A message on its way in. `slug`: of the agent with which it starts a thread; null where it goes on with one. */
export type Sent = { scope: Scope; slug: string | null; place: Place; input: StartInput }
/** `approval`: that of this message, where people are asked about it. */
export type Accepted = { thread: ThreadRow; message: MessageRow; card: CardRow; approval: ApprovalRow | null }
type Show<T> = (t: Tx, accepted: Accepted) => Promise<T>

const OWNER: OwnerSide = { admit, sendIn: (...sent) => sendIn(...sent) }

/** T1. `show` makes the answer inside the transaction. */
export const startThread = async <T>(
  house: RelayHouse,
  scope: Scope,
  slug: string,
  face: Face,
  input: StartInput,
  show: Show<T>,
): Promise<T> => {
  const id = newId('thr', house.db.now().getTime())
  const place = { id, face }
  const out = await judgeOut(house, scope, { ...place, first: true, slug }, input)
  if (!out) return accept(house, { scope, slug, place, input }, show)
  return throughGate(house, scope, async (t) => show(t, await holdStart(house, t, scope, OWNER, { out, place, slug }, input)))
}

/** T12. */
export const sendMessage = async <T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  face: Face,
  input: SendInput,
  show: Show<T>,
): Promise<T> => {
  const place = { id: threadId, face }
  const out = await judgeOut(house, scope, { ...place, first: false, slug: null }, input)
  if (!out) return accept(house, { scope, slug: null, place, input }, show)
  return throughGate(house, scope, async (t) => show(t, await holdSend(house, t, scope, OWNER, { out, place }, input)))
}

/** T1, where the owner's side judges it. Within `throughGate`, or as somebody who answers for what it throws. */
export const startIn = (house: RelayHouse, t: Tx, scope: Scope, slug: string, place: Place, input: StartInput) =>
  takeOne(house, t, { scope, slug, place, input })

/** T12, where the owner's side judges it: as `startIn`. */
export const sendIn = (house: RelayHouse, t: Tx, scope: Scope, place: Place, input: SendInput) =>
  takeOne(house, t, { scope, slug: null, place, input })

async function takeOne(house: RelayHouse, t: Tx, sent: Sent): Promise<Accepted> {
  const [taken] = (await takeAll(house, t, sent.scope, [sent], 'wait')) as [Taken]
  if (taken instanceof Problem || taken instanceof Denied) throw taken
  if (taken === APART) throw new Error('A message that is taken alone waits, and is taken.')
  return taken
}

/** With what its sender is told, made in the transaction: null until then. */
type Waiting = { sent: Sent; show: Show<unknown> }
type Out = { shown: unknown } | Denied | typeof APART

async function accept<T>(house: RelayHouse, sent: Sent, show: Show<T>): Promise<T> {
  // Only under a relay grant; without one the transaction would be nobody's.
  if (!sent.scope.relayParty) throw new Problem('not_found')
  const out = await companyOf(house).join({ sent, show })
  if (out instanceof Denied) throw await problemOfDenied(house, sent.scope, out)
  return (out === APART ? await acceptAlone(house, sent, show) : out.shown) as T
}

const acceptAlone = <T>(house: RelayHouse, sent: Sent, show: Show<T>): Promise<T> =>
  throughGate(house, sent.scope, async (t) => show(t, await takeOne(house, t, sent)))

// The more go together the sooner all of them are through; it bounds what two that wait for a lock cost the others.
const LONGEST_WAIT_MS = 200

const companies = new WeakMap<RelayHouse, Company<Waiting, Out>>()

function companyOf(house: RelayHouse): Company<Waiting, Out> {
  const company =
    companies.get(house) ??
    openCompany<Waiting, Out>({
      groupOf: ({ sent }) => sent.scope.tenantId,
      sizeOf: ({ sent }) => sent.input.bodyBytes ?? 0,
      together: (all) => acceptTogether(house, all),
      longestWaitMs: LONGEST_WAIT_MS,
      alone: async ({ sent, show }) => ({ shown: await acceptAlone(house, sent, show) }),
    })
  companies.set(house, company)
  return company
}

/** The transaction is a party of all their relay grants, and each message of its own. */
const acceptTogether = (house: RelayHouse, all: readonly Waiting[]): Promise<(Out | Problem)[]> => {
  const [first] = all as [Waiting]
  const parties = [...new Set(all.map(({ sent }) => sent.scope.relayParty ?? ''))].sort()
  const scope: Scope = {
    ...systemScope('relay', first.sent.scope.tenantId),
    ...{ relayParty: parties.join(' '), relaySide: 'caller' },
  }
  return tx(house.db, scope, async (t) => {
    const taken = await takeAll(
      house,
      t,
      scope,
      all.map(({ sent }) => sent),
      'pass',
    )
    const outs: (Out | Problem)[] = []
    for (const [i, { show }] of all.entries()) {
      const one = taken[i] as Taken
      const isTaken = !(one === APART || one instanceof Problem || one instanceof Denied)
      outs.push(isTaken ? { shown: await show(t, one) } : one)
    }
    // At the same moment, so that their stored replies share a statement.
    await Promise.all(outs.map(async (out, i) => isShown(out) && (all[i] as Waiting).sent.scope.beforeCommit?.(t, out.shown)))
    return outs
  }).catch(notTheirs)
}

const isShown = (out: Out | Problem): out is { shown: unknown } =>
  out !== APART && !(out instanceof Problem) && !(out instanceof Denied)
