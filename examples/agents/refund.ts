// A refund that a person countersigns: accepted as it is, with another amount, or not at all. Killed and started again it finds its question and goes on.
import { propose, verdictOf } from '@countersign/sdk'
import { z } from 'zod'

const Refund = z.object({ order: z.number(), amount: z.number().positive().max(500) })

const action = {
  name: 'refund',
  args: { order: 1042, amount: 240 },
  argsSchema: Refund,
  editable: ['/amount'],
  description: 'The parcel was lost; the customer asks for the money back.',
  // What this run is called in our own books: asked again under it, the question is the same one.
  idempotencyKey: 'refund-1042',
  risk: 'normal' as const,
  timeout: '2h',
  onTimeout: 'deny' as const,
}

const handle = await propose(action)
const verdict = await verdictOf(handle, action)
if (verdict.type === 'accept' || verdict.type === 'edit') {
  console.log(`refunding ${verdict.args.amount} for order ${verdict.args.order}`)
  await handle.reportOutcome({ status: 'succeeded', detail: `paid back ${verdict.args.amount}` })
} else {
  console.log(
    verdict.type === 'respond'
      ? `not refunded: ${verdict.response.message}`
      : `not refunded: ${verdict.reason ?? 'nobody agreed'}`,
  )
  await handle.reportOutcome({ status: 'skipped' })
}
