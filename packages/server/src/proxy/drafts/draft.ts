// What a run learned, as a draft that a person may publish (V96): for hosts of connections that they may grant a grant, as POST /grants takes it; for hosts of nobody a
// policy; and which providers they would have to connect. Reads only: nothing is granted, saved or counted by it, and no agent gets one.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { ownOnly } from '../../identity/agent.ts'
import { reach } from '../../identity/matrix.ts'
import { findAgent } from '../../identity/sql.ts'
import { definitionsOf, keyOf } from '../../vault/connections/definition.ts'
import { type ConnectionRow, findDefaults, listConnections } from '../../vault/connections/sql.ts'
import { type ReadPath, readPath } from '../../vault/grants/path.ts'
import type { Definition } from '../../vault/providers/definition.ts'
import { defaultsOf } from '../../vault/providers/params.ts'
import { findActive } from '../../vault/providers/sql.ts'
import { findRun, type RunRow } from '../../vault/runs/sql.ts'
import { closer, type Place, placeIn } from '../decide/choose.ts'
import type { GateHouse } from '../gate/house.ts'
import { foldLearned, type Learned } from './learned.ts'
import { passPolicy } from './policy.ts'
import { type LeftOut, rulesFor } from './rules.ts'
import { findLearned } from './sql.ts'

/** So much of the record of one run is read, of the newest. */
const MOST_EVENTS = 10_000
/** So much of what it learned stands in one draft, the most wanted first. */
const MOST_SHAPES = 500
const MOST_CONNECTIONS = 1_000

type Open = { row: ConnectionRow; definition: Definition; params: Record<string, string>; rank: number }
type Given = { run: RunRow; learned: Learned[]; open: Open[]; known: Definition[]; requests: number; truncated: boolean }

export type Draft = ReturnType<typeof draftFrom>

export const draftOfRun = (house: GateHouse, scope: Scope, runId: string): Promise<Draft> =>
  tx(house.vault.db, scope, async (t) => draftFrom(house, await given(house, t, scope, runId)), { readOnly: true })

async function given(house: GateHouse, t: Tx, scope: Scope, runId: string): Promise<Given> {
  const run = await findRun(t, scope, runId, ownOnly(scope, 'grant.decide'))
  if (!run) throw new Problem('not_found')
  const rows = await findLearned(t, scope, runId, MOST_EVENTS)
  const all = foldLearned(rows)
  const requests = rows.reduce((sum, row) => sum + row.requests, 0)
  const own = new Map((await findActive(t, scope, null)).map((row) => [row.provider, row.definition]))
  return {
    ...{ run, learned: all.slice(0, MOST_SHAPES), requests },
    truncated: requests >= MOST_EVENTS || all.length > MOST_SHAPES,
    open: await openTo(t, scope, run),
    known: [...house.bundled.values()].filter(({ name }) => !own.has(name)).concat([...own.values()]),
  }
}

/** Connections that this person may grant, with how near each is to the agent where several fit: a default first, and its oldest. */
async function openTo(t: Tx, scope: Scope, run: RunRow): Promise<Open[]> {
  const owner = reach(scope, 'grant.create') === 'any' ? null : (scope.userId ?? '')
  const rows = (await listConnections(t, scope, {}, { owner, agent: null }, null, MOST_CONNECTIONS)).filter(
    ({ status }) => status === 'connected' || status === 'needs_reauth',
  )
  const agent = await findAgent(t, scope, run.agent_id, { user: null, agent: null })
  const holders = [run.agent_id, agent?.owner_user_id ?? '', '']
  const defaults = await findDefaults(t, scope, holders, null)
  const definitions = await definitionsOf(t, scope, rows)
  const rankOf = (row: ConnectionRow): number => {
    const at = holders.findIndex((holder) => defaults.some((one) => one.holder === holder && one.connection_id === row.id))
    if (at >= 0) return at
    return holders.length + (row.owner === agent?.owner_user_id ? 0 : 2) + (row.name === 'default' ? 0 : 1)
  }
  return rows.flatMap((row) => {
    const definition = definitions.get(keyOf(row))
    return definition ? [{ row, definition, params: { ...defaultsOf(definition), ...row.params }, rank: rankOf(row) }] : []
  })
}

function draftFrom(house: GateHouse, { run, learned, open, known, requests, truncated }: Given) {
  const granted = new Map<string, { open: Open; others: Set<string>; learned: Learned[] }>()
  const missing = new Map<string, Missing>()
  const passes = new Map<string, number>()
  for (const one of learned) {
    const fitting = fittingOf(open, one)
    const [first] = fitting.filter(({ row }) => row.status === 'connected')
    if (first) {
      const group = granted.get(first.row.id) ?? { open: first, others: new Set(), learned: [] }
      granted.set(first.row.id, group)
      group.learned.push(one)
      for (const { row } of fitting) if (row !== first.row && row.status === 'connected') group.others.add(row.id)
      continue
    }
    const lapsed = fitting[0]
    const provider = lapsed?.definition ?? known.find((definition) => placeOf(definition, defaultsOf(definition), one))
    if (provider) wants(missing, provider, lapsed?.row.id ?? null, one)
    else passes.set(one.host, (passes.get(one.host) ?? 0) + one.requests)
  }
  const leftOut: LeftOut[] = []
  const grants = [...granted.values()].flatMap(({ open: { row, definition, params }, others, learned: some }) => {
    const { rules, leftOut: left } = rulesFor({ definition, params }, some)
    leftOut.push(...left)
    if (rules.length === 0) return []
    const grant = { agent_id: run.agent_id, connection_id: row.id, reason: `Learned in ${run.id}.`, rules }
    return [{ provider: row.provider, name: row.name, requests: sum(some), other_connections: [...others].sort(), grant }]
  })
  const origin = house.vault.origin()
  return {
    run_id: run.id,
    agent_id: run.agent_id,
    mode: run.mode,
    requests,
    truncated,
    learned: learned.map(shown),
    grants,
    passes: [...passes].map(([host, count]) => {
      const { id, text } = passPolicy(run.agent_id, host)
      return { host, requests: count, policy_id: id, policy: text }
    }),
    missing: [...missing.values()].map(({ hosts, ...one }) => ({
      ...one,
      hosts: [...hosts].sort(),
      connect_url:
        one.connection_id === null
          ? `${origin}/connections?new=1&provider=${encodeURIComponent(one.provider)}`
          : `${origin}/connections/${one.connection_id}`,
    })),
    left_out: leftOut.map(({ why, ...one }) => ({ ...shown(one), why })),
  }
}

type Missing = {
  provider: string
  display_name: string
  reason: 'connection_missing' | 'needs_reauth'
  connection_id: string | null
  hosts: Set<string>
  requests: number
}

function wants(missing: Map<string, Missing>, definition: Definition, connectionId: string | null, one: Learned): void {
  const { name, display_name } = definition
  const key = JSON.stringify([name, connectionId])
  const found: Missing = missing.get(key) ?? {
    ...{ provider: name, display_name, connection_id: connectionId, hosts: new Set(), requests: 0 },
    reason: connectionId === null ? 'connection_missing' : 'needs_reauth',
  }
  missing.set(key, found)
  found.hosts.add(one.host)
  found.requests += one.requests
}

/** As the proxy would choose: the closest place first, then who is nearest to the agent. */
function fittingOf(open: readonly Open[], one: Learned): Open[] {
  const found = open.flatMap((each) => {
    const place = placeOf(each.definition, each.params, one)
    return place ? [{ each, place }] : []
  })
  found.sort((a, b) => closer(a.place, b.place) || a.each.rank - b.each.rank || (a.each.row.id < b.each.row.id ? -1 : 1))
  const [first] = found
  return first ? found.filter(({ place }) => closer(place, first.place) === 0).map(({ each }) => each) : []
}

function placeOf(
  definition: Definition,
  params: Readonly<Record<string, string>>,
  { host, port, sample }: Learned,
): Place | null {
  const read = readPath(sample) as ReadPath
  return placeIn(definition, params, { host, port, path: sample, query: '', headers: [], read })
}

const sum = (some: readonly Learned[]): number => some.reduce((count, one) => count + one.requests, 0)

const shown = ({ scheme, host, port, method, path, requests }: Learned) => ({ scheme, host, port, method, path, requests })
