// One statement by itself, told apart in two moments: its bytes have left this process, and it is committed. For who may act on the first because the second follows
// whether this process lives or not: what the kernel holds is delivered after `kill -9`. Opens no transaction around it, whose end would be a message that a killed
// process sends no more, and repeats nothing.
import type { Socket } from 'node:net'
import pg from 'pg'
import { asProblem, isStalePlan, storeUnavailable } from './errors.ts'
import type { Sql } from './sql.ts'
import type { Db } from './tx.ts'

/** Resolves when the statement is on its way, `done` when it is committed; rejects where it did not leave. */
export async function dispatch(db: Db, statement: Sql): Promise<{ done: Promise<void> }> {
  const client = await db.pool.connect().catch((error: unknown) => {
    throw storeUnavailable(error)
  })
  const done = client.query(db.statements.query(statement)).then(
    () => client.release(),
    (error: unknown) => {
      if (isStalePlan(error)) db.statements.forget()
      const isAnswer = error instanceof pg.DatabaseError
      client.release(!isAnswer)
      throw isAnswer ? asProblem(error) : storeUnavailable(error)
    },
  )
  await Promise.race([hasLeft(client), done])
  return { done }
}

// A statement is written as it is asked. What the kernel did not take at once goes out later, in order; so does the nothing behind it, which tells when.
const hasLeft = (client: pg.ClientBase): Promise<void> => {
  const { stream } = (client as pg.ClientBase & { connection: { stream: Socket } }).connection
  return stream.writableLength === 0 ? Promise.resolve() : new Promise((resolve) => void stream.write('', () => resolve()))
}
