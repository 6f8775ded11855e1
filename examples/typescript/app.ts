// A shop in one file. An order and the job that confirms it are one transaction: rolled back, neither was there. The job's own write and its settlement are one,
// too, so that an order is confirmed once, whatever process dies in between.
import { createQueue, defineKind, migrate } from '@countersign/queue'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
await migrate(process.env.DATABASE_URL as string)
await pool.query(
  'create table if not exists orders (id bigint generated always as identity primary key, item text, confirmed_at timestamptz)',
)

const confirmOrder = defineKind<{ order_id: string }>('order.confirm', {
  maxAttempts: 8,
  deadline: '30s',
  async run({ payload }, ctx) {
    await inTransaction(async (tx) => {
      await tx.query('update orders set confirmed_at = now() where id = $1', [payload.order_id])
      await ctx.finishIn(tx, { confirmed: payload.order_id })
    })
  },
})
const queue = createQueue({ database: pool, kinds: [confirmOrder] })
const worker = queue.work({ concurrency: 8 })

async function placeOrder(item: string, pay: () => void): Promise<string> {
  return inTransaction(async (tx) => {
    const { rows } = await tx.query<{ id: string }>('insert into orders (item) values ($1) returning id', [item])
    const job = await queue.enqueue(confirmOrder, { order_id: rows[0]?.id as string }, { tx })
    pay() // throws when the card is refused: then there is no order, and nothing to confirm
    return job
  })
}

async function inTransaction<T>(fn: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await pool.connect()
  try {
    await tx.query('begin')
    const done = await fn(tx)
    await tx.query('commit')
    return done
  } catch (error) {
    await tx.query('rollback')
    throw error
  } finally {
    tx.release()
  }
}

const job = await placeOrder('a lamp', () => undefined)
const refused = placeOrder('a yacht', () => {
  throw new Error('card refused')
})
await refused.catch((error: Error) => console.log(`no yacht: ${error.message}`))
console.log(await queue.result(job, { timeout: '30s' }))
const { rows } = await pool.query('select item, confirmed_at is not null as confirmed from orders order by id')
console.log(rows)

await worker.stop({ grace: '10s' })
await queue.close()
await pool.end()
