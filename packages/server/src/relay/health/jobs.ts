// The job that looks after what is known of cards: proofs of domains and the health of listed agents, a few at a time (relay.md R23).
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { once } from '../../db/tx.ts'
import type { DeliveryHouse } from '../delivery/house.ts'
import { recheckDomain } from '../domains/domain.ts'
import { lookAtCard } from './look.ts'
import { type DueLook, listingDue } from './sql.ts'

const AT_ONCE = 8
const A_ROUND = 400

/** Answers how many were due. One that fails is looked at in the next round, and keeps nobody waiting. */
export async function lookAtDue(house: DeliveryHouse, signal?: AbortSignal): Promise<number> {
  const due = await once<DueLook>(house.db, listingDue(A_ROUND))
  const left = [...due]
  const work = async () => {
    for (let one = left.shift(); one && !signal?.aborted; one = left.shift()) {
      const { what, tenant_id, id } = one
      try {
        await (what === 'domain' ? recheckDomain : lookAtCard)(house, tenant_id, id)
      } catch (error) {
        house.log.warn({ err: error, what, id }, 'a look at what is known of a card failed')
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return due.length
}

export const healthJobs = (house: DeliveryHouse): Kind[] => [
  defineKind('relay.look', {
    keepOutput: false,
    async run(_job, { signal }) {
      await lookAtDue(house, signal)
    },
  }) as Kind,
]

export const healthSchedules: Schedule[] = [
  defineSchedule('relay-look', { cron: '23 * * * * *', kind: 'relay.look', overlap: 'skip' }),
]
