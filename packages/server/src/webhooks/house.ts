// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Runner } from '../db/runner.ts'
import type { Scope } from '../db/scope.ts'
import type { Db, Tx } from '../db/tx.ts'
import type { Door } from '../egress/fetch.ts'
import type { Log } from '../std/log.ts'
import type { BoundHooks } from './bound/hooks.ts'
import type { TellExhausted } from './deliveries/exhausted.ts'
import type { Deliver } from './sending/deliver.ts'

/** Where deliveries to an address of their own come from: what they say, who signs them, and whom their end concerns. */
export type Source = {
  /** The bytes, rendered once, and the subject whose key seals them; null: there is nothing left to tell. */
  render(t: Tx, scope: Scope, resourceId: string): Promise<{ body: string; subject: string } | null>
  /** The secret that signs now, written as `whsec_…`. */
  secret(t: Tx, scope: Scope): Promise<string>
  ended(t: Tx, scope: Scope, delivery: { id: string; resourceId: string; attempts: number; delivered: boolean }): Promise<void>
}

export type WebhooksHouse = {
  db: Db
  keyring: Keyring
  log: Log
  door: Door
  /** Where people reach the server, without a slash at the end; known once it listens. */
  origin(): string
  /** An address before it is stored: the normalised URL, or `url_invalid`, `url_not_allowed`. `unresolved`: one whose name leads nowhere yet is taken too. */
  checkUrl(url: string, path: string, tenantId: string, unresolved?: 'saved'): string | Promise<string>
  sources: Readonly<Record<'task', Source>>
  /** Left out where no room binds endpoints. */
  bound?: BoundHooks
  /** How whoever runs a tenant learns once a day of what was given up; left out where nobody can be told. */
  tell?: TellExhausted
  /** Where this process runs jobs: what it writes, it also begins (relay.md R43). */
  fast?: { runner: Runner; deliver: Deliver }
}
