// The room of deliveries as the caller's side uses it: main hands it in, for the relay may not know endpoints. Holds nothing by itself.
import type { Scope, Tx } from '../../db/tx.ts'
import type { Side } from '../model.ts'

/** What a caller says of where it wants to be told (relay.md §3.1, R66). */
export type CallbackWishes = {
  url: string
  secret?: string | undefined
  endpoint_id?: string | undefined
  generate_secret?: boolean | undefined
  events?: string[] | undefined
  signature?: 'foragent' | 'standard' | undefined
  thin?: boolean | undefined
  ed25519?: boolean | undefined
}
/** An A2A push config as a client gives it (R100). */
export type ConfigWishes = {
  url: string
  id?: string
  token?: string
  authentication?: { scheme: string; credentials?: string }
}
/** Checked and ready to be put; what is in it is the other room's. */
export type PreparedCallback = object
export type Binding = { boundTo: string; side: Side }
type Whose = { side: 'caller'; callerTenant: string | null; about?: 'request' }

export type ShownCallback = {
  id: string
  url: string
  events: string[]
  mode: string
  thin: boolean
  state: string
  state_reason: string | null
  state_since: Date
  public_key: string | null
  client_id: string | null
  auth_scheme: string | null
  secrets: { n: number; created_at: Date; ends_at: Date | null }[]
  created_at: Date
  updated_at: Date
}

export type CallerTelling = {
  eventId: string
  type: string
  side: 'caller'
  subjects: readonly string[]
  key: string
  relayGrantId: string | null
  sealedUnder: string
  data(form: 'full' | 'thin'): unknown
  stream?(): unknown
  only?: readonly string[]
}

type Trigger = 'auto' | 'manual' | 'bulk' | 'test'
export type ShownDelivery = {
  id: string
  endpoint_id: string | null
  event_id: string
  event_type: string
  form: 'full' | 'thin' | 'callback'
  state: 'pending' | 'sending' | 'succeeded' | 'exhausted' | 'held' | 'cancelled'
  attempts: number
  trigger: Trigger
  next_attempt_at: Date | null
  last_status: number | null
  last_class: string | null
  created_at: Date
  succeeded_at: Date | null
  ended_at: Date | null
  position: string
  log: {
    n: number
    trigger: Trigger
    started_at: Date
    ended_at: Date
    ms: number
    dns_ms: number | null
    connect_ms: number | null
    tls_ms: number | null
    first_byte_ms: number | null
    family: number | null
    status: number | null
    class: string | null
    excerpt: string | null
  }[]
}

/** Methods, so that whoever hands them in may know more of their arguments. */
export type Callbacks = {
  /** Asks the network; before the transaction. */
  prepare(
    whose: Whose,
    wishes: {
      url: string
      secret?: string
      endpoint_id?: string
      generate_secret?: boolean
      events?: readonly string[]
      mode?: 'foragent' | 'standard'
      thin?: boolean
      ed25519?: boolean
    },
    at?: string,
  ): Promise<PreparedCallback>
  prepareConfig(whose: Whose, wishes: ConfigWishes, at?: string): Promise<PreparedCallback>
  put(
    t: Tx,
    scope: Scope,
    place: Binding & { relayGrantId: string | null },
    wanted: PreparedCallback,
  ): Promise<{ endpoint: ShownCallback; secret: string | null; replaced: boolean }>
  list(t: Tx, scope: Scope, binding: Binding): Promise<ShownCallback[]>
  remove(
    t: Tx,
    scope: Scope,
    binding: Binding,
    which: { id: string } | { url: string } | { clientId: string } | 'all',
  ): Promise<number>
  /** What was said about a key, of both sides: unreadable from the commit on, also to what is still to be sent again. */
  forget(t: Tx, scope: Scope, key: string): Promise<void>
  deliver(t: Tx, scope: Scope, told: CallerTelling): Promise<{ id: string; endpoint_id: string }[]>
  deliveries(
    t: Tx,
    scope: Scope,
    asked: { key: string; side: Side; before?: string | null; limit: number },
  ): Promise<ShownDelivery[]>
}
