// What is wrong with the queue and what to do (Q126), as one tenant may hear it: its own queues with its own counts, the installation without names.
import type { Finding } from '@countersign/queue'
import type { Scope } from '../db/scope.ts'
import type { JobsHouse } from './house.ts'
import { look } from './problem.ts'

/** These name logins, sessions of the database or what failed of other tenants' work: for hosts. Others learn that there is something. */
const OF_HOSTS: Partial<Record<Finding['code'], string>> = {
  grants_missing: 'A login of this installation lacks rights that its work needs.',
  horizon_pinned: 'Something in the database keeps what is dead from being cleaned away.',
  ring_blocked: 'The ring cannot turn for now; jobs go on.',
  duty_failing: 'A duty of maintenance fails; it is tried again by itself.',
}
const ASK = 'A host of this installation sees what it is: `countersign queue doctor`.'

export const examine = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => {
    const findings = await house.queue.doctor({ tx: t })
    const shown = findings.map((one) => {
      const what = OF_HOSTS[one.code]
      return what === undefined || scope.isHost ? one : { code: one.code, what, remedy: ASK }
    })
    return { healthy: shown.length === 0, findings: shown }
  })
