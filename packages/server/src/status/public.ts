// What strangers see of a board (P142): states, days and words; what was measured only where the setting says `full`. Never who said it, or which tenants are concerned.
import type { Board } from './board.ts'

export type PublicView = 'full' | 'summary' | 'off'

export const publicBoard = ({ components, incidents, ...board }: Board, view: PublicView) => ({
  ...board,
  components: components.map(({ says: _says, measured_at: _at, measured, ...one }) => ({
    ...one,
    ...(view === 'full' ? { measured } : {}),
  })),
  incidents: incidents.map((one) => ({
    ...{ id: one.id, kind: one.kind, severity: one.severity, status: one.status, title: one.title, components: one.components },
    ...{ detected_at: one.detected_at, starts_at: one.starts_at, ends_at: one.ends_at, closed_at: one.closed_at },
    updates: one.updates.map(({ id, status, severity, body, written_at }) => ({ id, status, severity, body, written_at })),
  })),
})
