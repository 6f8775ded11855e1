// The three verbs of the gate (V81) as they travel: what a node may ask, and what it is told. Bytes are base64.
import type { Material } from '../../vault/providers/definition.ts'
import type { BoundRequest } from '../decide/digest.ts'

/** A node names a run by the hash of the token that a client showed it; it is never told the token's hash of another. */
export type OpenParams = { token_hash: string; client_address: string }
export type OpenResult = {
  run: { id: string; tenant: string; agent_id: string; expires_at: string }
  authority: { id: string; certificate: string; key: string }
  /** Where people reach the server: what an agent shows its owner begins with it. */
  origin: string
} | null

/**
 * `refresh`: the upstream answered 401 to this generation (V48). `lacks`: it wants these scopes more of it, and no material is asked for (V38).
 * `renewed`: the upstream renewed these cookies, by name, while what was leased at that generation was used (V45); no material is asked for.
 */
export type MaterialParams = {
  run_id: string
  connection_id: string
  grant_id: string
  refresh?: { generation: number }
  lacks?: { generation: number; scopes: string[] }
  renewed?: { generation: number; cookies: Record<string, string> }
}
/** `lease_ms`: for how long it may be used again; 0: for this request alone. `hosts`: where it may go, if not to every host of its provider (V45). */
export type MaterialResult = { material: Material; generation: number; lease_ms: number; hosts?: string[] }

/** Which request it is; what it comes to the gate judges by itself, for a node's word is not what people rely on. */
export type AskParams = {
  run_id: string
  connection_id: string
  request: BoundRequest
  /** Of this very request, for whoever is told which one went out. */
  request_id: string
  body: string
  /** What a judgement reads beside what the digest covers. */
  seen: { client_address: string; protocol: 'http/1.1' | 'h2'; upgrade?: 'websocket'; carries_placeholder: boolean }
  /** For how long it has waited already, and for how long the answer may wait for people. */
  waited_ms: number
  wait_ms: number
}
export type AskResult = {
  hold_id: string
  task_id: string
  task_url: string
  digest: string
  expires_at: string
  state: 'open' | 'agreed' | 'refused' | 'expired' | 'spent'
  comment?: string
  /** The request that an earlier approval of the same went out with. */
  sent?: string
  edited_body?: string
}
