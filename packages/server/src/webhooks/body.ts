// The bytes of an event as receivers get it (P83): rendered once per event and form, in this order of members. Holds what the record holds and no more.

/** As much of a recorded event as a body says. */
export type ToldEvent = {
  id: string
  type: string
  occurred_at: string
  tenant_id: string
  actor: { type: string; id: string }
  resource: { type: string; id: string } | null
  data: Record<string, unknown>
}

export const LARGEST_FULL = 262_144

/** Where the API shows a resource; what has no address of its own is shown by its event. */
const PATHS: Record<string, string> = {
  task: 'tasks',
  agent: 'agents',
  key: 'keys',
  user: 'users',
  invitation: 'invitations',
  job: 'jobs',
  schedule: 'schedules',
  endpoint: 'endpoints',
  delivery: 'deliveries',
  replay: 'replays',
}

export type Rendered = {
  full: string
  thin: string
  /** The full form is larger than what is sent. */
  large: boolean
}

export function renderBodies(event: ToldEvent, origin: string): Rendered {
  const { id, type, occurred_at, tenant_id, resource, actor } = event
  const head = { id, type, occurred_at, tenant_id }
  const full = JSON.stringify({ ...head, data: { ...event.data, resource, actor: { type: actor.type, id: actor.id } } })
  const large = Buffer.byteLength(full) > LARGEST_FULL
  const shown = resource && PATHS[resource.type] ? resource : { type: 'event', id }
  const url = `${origin}/api/v1/${PATHS[shown.type] ?? 'events'}/${shown.id}`
  const named = { type: resource?.type ?? 'event', id: resource?.id ?? id, url }
  const thin = JSON.stringify({ ...head, resource: named, ...(large ? { thin_reason: 'size' } : {}) })
  return { full: large ? '' : full, thin, large }
}
