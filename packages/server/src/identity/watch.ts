// Tells what is still open that its session or key has ended (P27). However many streams there are, a wake-up costs one statement.
// Never decides by itself that a credential counts: the database says so, each time.
import { type Scope, systemScope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'
import { liveCredentials } from './sql.ts'

export type Watch = {
  /** Calls `fn` once when the credential of this scope ended; returns how to stop watching. */
  watch(scope: Scope, fn: () => void): () => void
}

export function openWatch(db: Db): Watch {
  const watchers = new Map<string, Set<() => void>>()
  const due = new Set<string>()
  let running = false

  const look = async (): Promise<void> => {
    running = true
    while (due.size > 0) {
      // Everybody is called in one turn of the sweep; waiting for its end lets one statement answer for all.
      await Promise.resolve()
      const ids = [...due]
      due.clear()
      const keys = ids.filter((id) => id.startsWith('key_'))
      const sessions = ids.filter((id) => id.startsWith('ses_'))
      try {
        const rows = await tx(db, systemScope('watch'), (t) => liveCredentials(t, sessions, keys), { readOnly: true })
        const live = new Set(rows.map((row) => row.id))
        for (const id of ids.filter((one) => !live.has(one))) for (const fn of [...(watchers.get(id) ?? [])]) fn()
      } catch (error) {
        // The store is away: nothing can be read with these credentials either, and the next sweep asks again.
        db.log?.warn({ err: error }, 'whether credentials still count could not be asked')
      }
    }
    running = false
  }

  return {
    watch(scope, fn) {
      const id = scope.actor.key_id ?? scope.actor.session_id
      if (!id) return () => undefined
      const topic = id.startsWith('key_') ? `key:${id}` : `session:${id}`
      const group = watchers.get(id) ?? new Set()
      watchers.set(id, group.add(fn))
      const unsubscribe = db.listen.subscribe(topic, () => {
        due.add(id)
        if (!running) void look()
      })
      return () => {
        unsubscribe()
        group.delete(fn)
        if (group.size === 0) watchers.delete(id)
      }
    },
  }
}
