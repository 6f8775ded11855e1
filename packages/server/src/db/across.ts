// One transaction over two tenants, for what has to be in both or in neither (relay.md R7): for as long as `fn` runs its statements are those of another scope, and row-level security
// confines them to the tenant and the party of that one. Widens nothing: no statement ever sees rows of both.
import type { Scope } from './scope.ts'
import type { Tx } from './tx.ts'

/** `from`: whose transaction it is at this moment, and is again afterwards, whatever `fn` throws. */
export async function across<T>(t: Tx, from: Scope, to: Scope, fn: () => Promise<T>): Promise<T> {
  await enter(t, to)
  try {
    return await fn()
  } finally {
    // Of a transaction that a failed statement has ended nothing is left that could be done as anybody.
    await enter(t, from).catch(() => undefined)
  }
}

const enter = (t: Tx, { tenantId, principal, relayParty }: Scope) => t.run`
  select set_config('countersign.tenant', ${tenantId}::text, true), set_config('countersign.principal', ${principal}::text, true),
    set_config('countersign.relay_party', ${relayParty ?? ''}::text, true)`
