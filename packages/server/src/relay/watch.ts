// Tells what is still open that its relay token has ended (relay.md R96). However many streams there are, a sweep costs one statement for each tenant that has some open; that a token
// counts is said by the database each time, never here.
import { systemScope } from '../db/scope.ts'
import { type Db, type Scope, tx } from '../db/tx.ts'
import type { Log } from '../std/log.ts'
import { isTokenScope } from './bearers.ts'
import { liveTokens } from './sql.ts'

// Nobody wakes it: what is open hears of its end with the next sweep, within a second.
const topicOf = (id: string): string => `relay_token:${id}`

/** A relay grant that ends, ends its threads: whoever follows one is told so by its own last frame, and cut off only where none comes. With the sweep before it, within two seconds. */
const LAST_WORD_MS = 750

type TokenWatch = (scope: Scope, fn: () => void) => () => void

export function openTokenWatch(db: Db, log?: Log): TokenWatch {
  const watchers = new Map<string, { tenantId: string; fns: Set<() => void> }>()
  const due = new Set<string>()
  const ending = new Set<string>()
  let looking = false

  async function look(): Promise<void> {
    looking = true
    while (due.size > 0) {
      // Everybody is called in one turn of the sweep; waiting for its end lets one statement answer for all.
      await Promise.resolve()
      const byTenant = new Map<string, string[]>()
      for (const id of due) {
        const tenantId = watchers.get(id)?.tenantId
        if (tenantId !== undefined) byTenant.set(tenantId, [...(byTenant.get(tenantId) ?? []), id])
      }
      due.clear()
      for (const [tenantId, ids] of byTenant) await ask(tenantId, ids)
    }
    looking = false
  }

  async function ask(tenantId: string, ids: string[]): Promise<void> {
    const scope = systemScope('relay', tenantId)
    try {
      const rows = await tx(db, scope, (t) => liveTokens(t, scope, ids), { readOnly: true })
      const live = new Set(rows.map((row) => row.id))
      for (const id of ids.filter((one) => !live.has(one) && !ending.has(one))) {
        ending.add(id)
        db.clock.timer(LAST_WORD_MS, () => end(id))
      }
    } catch (error) {
      // The store is away: nothing can be read with these tokens either, and the next sweep asks again.
      log?.warn({ err: error }, 'whether relay tokens still count could not be asked')
    }
  }

  function end(id: string): void {
    ending.delete(id)
    for (const fn of [...(watchers.get(id)?.fns ?? [])]) fn()
  }

  return (scope, fn) => {
    if (!isTokenScope(scope)) return () => undefined
    const { relayToken: id, tenantId } = scope
    const group = watchers.get(id) ?? { tenantId, fns: new Set() }
    const own = () => fn() // the same function may watch twice
    group.fns.add(own)
    watchers.set(id, group)
    const unsubscribe = db.listen.subscribe(topicOf(id), () => {
      due.add(id)
      if (!looking) void look()
    })
    return () => {
      unsubscribe()
      group.fns.delete(own)
      if (group.fns.size === 0 && watchers.get(id) === group) watchers.delete(id)
    }
  }
}
