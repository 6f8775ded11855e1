// A process that does nothing but seal, one step after the other, and says when one begins: what the test of its death kills.
import { openDb } from '../../packages/server/src/db/tx.ts'
import { sealStep } from '../../packages/server/src/events/audit/sealing.ts'

const db = await openDb({ url: process.env.DATABASE_URL as string, listen: false, max: 2 })
for (;;) {
  process.stdout.write('step\n')
  await sealStep({ db }, 500)
}
