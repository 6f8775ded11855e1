// The figures of the relay: numbers over all tenants, and nobody's name (relay.md R111).
import type { Tx } from '../../db/tx.ts'

export type Figures = {
  queued: number
  oldest_queued_s: number | null
  exhausted: number
  deliver_p50_ms: number | null
  deliver_p99_ms: number | null
  push_taken: number
  push_refused: number
  calls_done: number
  calls_lost: number
  asks_late_s: number | null
  leases_late_s: number | null
  expiry_late_s: number | null
}
export const relayFigures = (t: Tx, since: Date) =>
  t.one<Figures>`select * from countersign_engine.relay_figures(${since}::timestamptz)`
