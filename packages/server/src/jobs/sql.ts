// The statements of this room that are not the engine's: none of them names a table of the queue.
import type { Tx } from '../db/tx.ts'

/** Around an enqueue that may find its key held: a refusal of the engine would otherwise end the whole transaction. */
export const markConflict = (t: Tx) => t.run`savepoint enqueue`
export const returnToConflict = (t: Tx) => t.run`rollback to savepoint enqueue`

/** Whether this database takes no writes: a standby, or one that was set to read only. */
export const readReadOnly = (t: Tx) =>
  t.one<{ read_only: boolean }>`
    select pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as read_only`
