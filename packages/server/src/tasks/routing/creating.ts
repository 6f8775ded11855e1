// Routing of tasks that are made together: what all of them need is read once, pools are held in one order, and what only a task that came to be may leave
// behind (its pick, its events, its notices) is written after it.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { recordMany, type Told } from '../../events/event.ts'
import { isId } from '../../std/id.ts'
import { type Asked, resolveAssignment } from '../assignment.ts'
import type { Prepared } from '../creation.ts'
import type { TasksHouse } from '../house.ts'
import { refusedBy } from '../judgement.ts'
import { readNotify } from '../notices/grammar.ts'
import { refuseUnknown } from '../notices/known.ts'
import { notify } from '../notices/notice.ts'
import { findTasksByKey, type TaskRow } from '../sql.ts'
import { judgeAddresses, type Outside } from './address.ts'
import type { AssignTo } from './form.ts'
import { type Named, namedIn, refuseUnknownNames } from './named.ts'
import { holdSources, markPicks, type Picks, type Source } from './pick.ts'
import { findPoolsNamed, type RoutingRow } from './sql.ts'

export type Routes = {
  settings: RoutingRow
  picks: Picks
  /** Tasks that are there already under their key: for them nobody's turn is used up. */
  repeats: ReadonlySet<Prepared>
}

/** No statement where nobody is picked. */
export async function openRoutes(t: Tx, scope: Scope, all: readonly Prepared[], settings: RoutingRow): Promise<Routes> {
  const picks: Picks = new Map()
  const picking = all.filter(({ assignment }) => mayPick(assignment.form, settings))
  if (picking.length === 0) return { settings, picks, repeats: new Set() }
  await holdSources(t, scope, await sourcesOf(t, scope, picking, settings), picks)
  return { settings, picks, repeats: await repeatsOf(t, scope, picking) }
}

const simpleOf = (form: AssignTo | null) => (form === null ? [] : 'any' in form ? form.any : [form])

const mayPick = (form: AssignTo | null, { default_pool_id }: RoutingRow): boolean =>
  form === null ? default_pool_id !== null : simpleOf(form).some((one) => 'pool' in one || 'role' in one || 'access_level' in one)

async function sourcesOf(t: Tx, scope: Scope, picking: readonly Prepared[], settings: RoutingRow): Promise<Source[]> {
  const forms = picking.flatMap(({ assignment }) => simpleOf(assignment.form))
  const names = [...new Set(forms.flatMap((one) => ('pool' in one && one.pool !== undefined ? [one.pool] : [])))]
  const pools = names.length === 0 ? [] : await findPoolsNamed(t, scope, names)
  const ids = [...pools.map(({ id }) => id), ...(settings.default_pool_id === null ? [] : [settings.default_pool_id])]
  const byLabels = forms.some((one) => 'role' in one || 'access_level' in one)
  return [...ids.map((pool) => ({ pool })), ...(byLabels ? [{ labels: '' }] : [])]
}

/** Under the lock of the pool: whoever made them has committed. */
async function repeatsOf(t: Tx, scope: Scope, picking: readonly Prepared[]): Promise<Set<Prepared>> {
  const keyed = picking.filter(({ idempotency_key }) => idempotency_key !== null)
  if (keyed.length === 0) return new Set()
  const rows = await findTasksByKey(
    t,
    scope,
    keyed.map(({ asker }) => asker),
    keyed.map(({ idempotency_key }) => idempotency_key as string),
  )
  const known = new Set(rows.map((row) => `${row.asker} ${row.idempotency_key}`))
  return new Set(keyed.filter(({ asker, idempotency_key }) => known.has(`${asker} ${idempotency_key}`)))
}

/** Whom one of them asks. Throws what speaks against it. */
export async function routeOne(house: TasksHouse, t: Tx, p: Prepared, routes: Routes, several: boolean): Promise<Asked> {
  const { scope } = p
  await refuseUnknown(house, t, scope, p.notify ?? [])
  const named = namedIn(p.time)
  // The other clients know no escalation, and may name pools that nobody has made yet (T64).
  if (p.dialect === 'native') for (const one of named) await refuseUnknownNames(t, scope, one)
  const refused = await judgeAddresses(house, t, scope, [...outsideOf(p), ...named.flatMap(outsideLater)])
  if (refused) throw refusedBy(scope, refused.judged, refused.problem)
  const asked = await resolveAssignment(t, scope, p.assignment, {
    settings: routes.settings,
    picks: routes.picks,
    everyone: several || routes.repeats.has(p),
    compatible: p.dialect === 'compatible',
    delegable: p.delegable,
    without: askingSide(p),
    reached: p.reached,
  })
  if (asked.unrouted && p.require_assignee) throw new Problem('no_eligible_human', { eligible: 0, need: 1 })
  return asked
}

const askingSide = ({ scope, on_behalf_of }: Prepared): string[] =>
  [scope.userId, on_behalf_of].filter((id): id is string => isId('usr', id))

const outsideOf = ({ assignment, notify: entries }: Prepared): Outside[] => [
  ...assignment.folded.map((address) => ({ address, channel: 'email', path: '/assign_to' })),
  ...(entries ?? []).flatMap(({ folded, channel }, i) =>
    folded === null ? [] : [{ address: folded, channel, path: `/notify/${i}` }],
  ),
]

/** Whom it is handed on to later is judged now as well (T8): at a deadline nobody is there to be refused. */
const outsideLater = ({ assignment, notify: entries, path }: Named): Outside[] => [
  ...assignment.folded.map((address) => ({ address, channel: 'email', path: `${path}/assign_to` })),
  ...(entries.length === 0 ? [] : readNotify(entries, `${path}/notify`)).flatMap(({ folded, channel }, i) =>
    folded === null ? [] : [{ address: folded, channel, path: `${path}/notify/${i}` }],
  ),
]

export type Routed = { prepared: Prepared; asked: Asked; row: TaskRow }

/** Of those that came to be, in their order. */
export async function keepRoutes(house: TasksHouse, t: Tx, scope: Scope, made: readonly Routed[], routes: Routes): Promise<void> {
  const picks = made.flatMap(({ asked }) => asked.pick ?? [])
  if (picks.length > 0) await markPicks(t, scope, picks)
  await recordMany(t, made.flatMap(toldOf))
  await notify(
    house,
    t,
    scope,
    made.map(({ row }) => row),
    { purpose: 'asked', shared: routes.settings.shared },
  )
}

function toldOf({ prepared: { scope }, asked, row }: Routed): Told[] {
  const options = { resource: { type: 'task', id: row.id } }
  const data = { agent_id: row.agent_id }
  return [
    ...(asked.unrouted ? [{ scope, type: 'task.unrouted' as const, data: { ...data, reason: 'nobody_matches' }, options }] : []),
    ...(asked.assigned_for_user_id === null
      ? []
      : [
          {
            scope,
            type: 'task.delegated' as const,
            data: { ...data, user_id: asked.assigned_to_user_id, for_user_id: asked.assigned_for_user_id },
            options,
          },
        ]),
  ]
}
