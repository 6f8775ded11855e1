// Material leases (V24): the fields of one connection for one run, kept for seconds and no longer than the gate said. Never outlives a revision in which the
// connection changed, and all of it is dropped when the control plane is not heard (V82).
import type { Material } from '../../vault/providers/definition.ts'

/** `hosts`: where it may go, if not to every host of its provider (V45). */
export type Lease = { material: Material; generation: number; until: number; hosts?: readonly string[] }

export type Leases = {
  /** One call of the gate for all who ask for the same at once. */
  get(
    key: { runId: string; connectionId: string; grantId: string; generation: number },
    now: number,
    lease: () => Promise<Lease>,
  ): Promise<Omit<Lease, 'until'> & { leased: boolean }>
  drop(what: { runId?: string; connectionId?: string }): void
  clear(): void
  size(): number
}

type Kept = { runId: string; connectionId: string; lease: Promise<Lease>; until: number }

export function openLeases(): Leases {
  const kept = new Map<string, Kept>()
  return {
    async get({ runId, connectionId, grantId, generation }, now, lease) {
      const name = `${runId} ${connectionId} ${grantId} ${generation}`
      const known = kept.get(name)
      if (known && known.until > now) return { ...(await known.lease), leased: true }
      const asked = lease()
      // Until the answer says how long, everybody who comes waits for this one.
      const one: Kept = { runId, connectionId, lease: asked, until: Number.POSITIVE_INFINITY }
      kept.set(name, one)
      try {
        const made = await asked
        one.until = made.until
        return { ...made, leased: false }
      } catch (error) {
        if (kept.get(name) === one) kept.delete(name)
        throw error
      }
    },
    drop({ runId, connectionId }) {
      for (const [name, one] of kept)
        if ((runId === undefined || one.runId === runId) && (connectionId === undefined || one.connectionId === connectionId))
          kept.delete(name)
    },
    clear: () => kept.clear(),
    size: () => kept.size,
  }
}
