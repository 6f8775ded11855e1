// "Allow this from now on" (relay.md R79): from an approval to a permit for its relay grant, its skill and up to a ceiling for each fact, for at most 90 days. Drafted by whoever
// decides, activated by who may activate policies alone, and a policy like any other: named in each decision that used it, gone in one call. Decides nothing by itself; what lies above
// its ceilings is asked about as before.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { findVersion, inTurn, showPolicies } from '../../identity/policies/policy.ts'
import { draftPolicy, forgetPolicy, rememberPolicy } from '../../identity/policies/remembered.ts'
import { findVersionsWith, hasCounted, listDrafted } from '../../identity/policies/sql.ts'
import { readPolicies } from '../../policy/set.ts'
import { newId } from '../../std/id.ts'
import { openContents } from '../../tasks/content.ts'
import { EVERY, findTask } from '../../tasks/sql.ts'
import { findMessageAsk } from '../asks/sql.ts'
import type { RelayHouse } from '../house.ts'
import { enterThing } from '../party.ts'
import { discardStandingOnce, listDiscarded } from './sql.ts'
import { type Said, saidOf } from './standing-said.ts'

export type StandingInput = { task_id: string; ceilings?: Record<string, number> | undefined; for_seconds: number }
export type Standing = Said & {
  id: string
  state: 'draft' | 'active' | 'ended'
  /** In which it stands: the active one, or the draft. */
  version: number
  until: Date | null
  says: string
  text: string
}

const MOST_DRAFTS = 50
const MOST_FACTS = 64
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
const prefixOf = (grantId: string): string => `standing.${grantId.slice('rgr_'.length).toLowerCase()}.`

/** Of either side, in its own tenant. */
const refuseStranger = (house: RelayHouse, scope: Scope, grantId: string) =>
  enterThing(house, { ...scope, beforeCommit: undefined }, grantId, 'relay_grant.read')

export async function draftStanding(house: RelayHouse, scope: Scope, grantId: string, input: StandingInput): Promise<Standing> {
  await refuseStranger(house, scope, grantId)
  return inTurn(() =>
    tx(house.db, scope, async (t) => {
      const asked = await askedOf(house, t, scope, grantId, input.task_id)
      const id = `${prefixOf(grantId)}${newId('req', t.now.getTime()).slice('req_'.length).toLowerCase()}`
      const until = new Date(t.now.getTime() + input.for_seconds * 1_000)
      const text = permitOf(id, grantId, asked, input, until)
      const version = await draftPolicy(house, t, scope, { id, text })
      return shownOf(id, version, 'draft', text)
    }),
  )
}

/** With whatever else the active version holds at that moment; never a second time what was taken back, set aside or is over. */
export async function activateStanding(house: RelayHouse, scope: Scope, grantId: string, id: string): Promise<Standing> {
  await refuseStranger(house, scope, grantId)
  return inTurn(() =>
    tx(house.db, scope, async (t) => {
      const found = id.startsWith(prefixOf(grantId)) ? await findDraft(t, scope, id) : null
      if (!found) throw new Problem('not_found')
      if ((await listDiscarded(t, scope, grantId)).has(id)) throw new Problem('state_conflict', { state: 'discarded' })
      const active = await findVersion(house, t, scope, 'active')
      const standing = readPolicies(active.text).policies.find((one) => one.id === id)
      // What counted once and does no more was taken back, by its own route or by another version of the policies: people are asked anew for another.
      if (!standing && (await hasCounted(t, scope, `@id("${id}")`))) throw new Problem('state_conflict', { state: 'revoked' })
      const { until } = shownOf(id, found.version, 'draft', found.text)
      if (until !== null && until <= t.now) throw new Problem('state_conflict', { state: 'ended' })
      if (standing) return shownOf(id, active.version, 'active', standing.text)
      return shownOf(id, await rememberPolicy(house, t, scope, { id, text: found.text }), 'active', found.text)
    }),
  )
}

/** From the next decision on everything is asked about again. A draft is set aside: it is listed no more, and can be activated no more. */
export async function revokeStanding(house: RelayHouse, scope: Scope, grantId: string, id: string): Promise<null> {
  await refuseStranger(house, scope, grantId)
  return inTurn(() =>
    tx(house.db, scope, async (t) => {
      const version = id.startsWith(prefixOf(grantId)) ? await forgetPolicy(house, t, scope, id) : null
      if (version === null) await discardDraft(t, scope, grantId, id)
      return null
    }),
  )
}

async function discardDraft(t: Tx, scope: Scope, grantId: string, id: string): Promise<void> {
  const draft = (await draftsOf(t, scope, grantId)).find((one) => one.id === id)
  if (!draft || (await discardStandingOnce(t, scope, id, grantId)) === 0) throw new Problem('not_found')
  const data = { policy_id: id, version: draft.version, relay_grant_id: grantId }
  await record(t, scope, 'policy.draft_discarded', data, { resource: { type: 'policy', id: String(draft.version) } })
}

/** Those in force first, then drafts that nobody has activated or set aside, newest first. */
export async function listStanding(house: RelayHouse, scope: Scope, grantId: string): Promise<{ data: Standing[] }> {
  await refuseStranger(house, scope, grantId)
  return tx(
    house.db,
    scope,
    async (t) => {
      const active = await findVersion(house, t, scope, 'active')
      const isOver = (until: Date | null) => until !== null && until <= t.now
      const held = readPolicies(active.text).policies.filter(({ id }) => id.startsWith(prefixOf(grantId)))
      const standing = held.map(({ id, text, notes }) =>
        shownOf(id, active.version, isOver(notes.until) ? 'ended' : 'active', text),
      )
      const drafts = (await draftsOf(t, scope, grantId)).map(({ id, version, text }) => shownOf(id, version, 'draft', text))
      return { data: [...standing, ...drafts.filter(({ until }) => !isOver(until))] }
    },
    { readOnly: true },
  )
}

/** However long ago they were drafted, and whatever was activated since. */
async function draftsOf(t: Tx, scope: Scope, grantId: string): Promise<{ id: string; version: number; text: string }[]> {
  const discarded = await listDiscarded(t, scope, grantId)
  return (await listDrafted(t, scope, prefixOf(grantId), MOST_DRAFTS + discarded.size)).flatMap(({ id, version, text }) => {
    const policy = discarded.has(id) ? undefined : readPolicies(text).policies.find((one) => one.id === id)
    return policy ? [{ id, version, text: policy.text }] : []
  })
}

async function findDraft(t: Tx, scope: Scope, id: string): Promise<{ version: number; text: string } | null> {
  const [found] = await findVersionsWith(t, scope, `@id("${id}")`, 1)
  const policy = found && readPolicies(found.text).policies.find((one) => one.id === id)
  return found && policy ? { version: found.version, text: policy.text } : null
}

const shownOf = (id: string, version: number, state: Standing['state'], text: string): Standing => {
  const [policy] = readPolicies(text).policies
  if (!policy) throw new Error(`The policy ${id} is there and cannot be read.`)
  const [shown] = showPolicies([policy])
  return { id, state, version, ...saidOf(policy.json), until: shown?.until ?? null, says: shown?.says ?? '', text }
}

type Asked = {
  action: string
  principal: string
  context: { skill?: unknown; direction?: unknown; facts?: Record<string, unknown> }
}

/** What people were asked, as the room wrote it. */
async function askedOf(house: RelayHouse, t: Tx, scope: Scope, grantId: string, taskId: string): Promise<Asked> {
  const own = systemScope('relay', scope.tenantId)
  const ask = await findMessageAsk(t, own, taskId)
  const task = ask?.relay_grant_id === grantId ? await findTask(t, own, taskId, EVERY) : null
  const payload = task && ((await openContents(house.tasks, t, own, [taskId])).task(task).payload as unknown as Asked | null)
  if (!payload) throw invalid('/task_id', 'unknown', 'No message of this relay grant was asked about with this task.')
  return payload
}

function permitOf(id: string, grantId: string, asked: Asked, { ceilings = {}, task_id }: StandingInput, until: Date): string {
  const { action, principal, context } = asked
  const facts = Object.entries(context.facts ?? {}).slice(0, MOST_FACTS)
  for (const name of Object.keys(ceilings))
    if (typeof context.facts?.[name] !== 'number')
      throw invalid(`/ceilings/${name}`, 'unknown', 'The message that was asked about has no such fact, or it is no number.')
  const actions = action === 'thread.respond' ? [action] : ['thread.start', 'thread.send']
  const at = principal.indexOf(' ')
  const conditions = [
    `context has direction && context.direction == ${quoted(String(context.direction))}`,
    `context has relay_grant && context.relay_grant.id == ${quoted(grantId)}`,
    `context has skill && context.skill == ${quoted(String(context.skill ?? ''))}`,
    ...facts.map(([name, value]) => {
      const has = `context has facts && context.facts has ${name} && context.facts.${name}`
      if (typeof value === 'number') return `${has} <= ${ceilings[name] ?? value}`
      return `${has} == ${typeof value === 'boolean' ? value : quoted(String(value))}`
    }),
  ]
  return [
    `@id(${quoted(id)})`,
    `@note(${quoted(`Allowed from now on, with what ${task_id} asked about.`)})`,
    `@until(${quoted(until.toISOString())})`,
    `permit (principal == ${principal.slice(0, at)}::${quoted(principal.slice(at + 1))}, action in [${actions.map((one) => `Action::${quoted(one)}`).join(', ')}], resource)`,
    `when { ${conditions.join(' && ')} };`,
  ].join('\n')
}

const invalid = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })
