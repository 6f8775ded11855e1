// The jobs of tenants: one verb each. They run in a tenant that is suspended or closing too, so nothing holds them.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { type BreakGlassHouse, followRequest } from './break-glass.ts'
import { eraseIfDue } from './tenant.ts'

export const tenantJobs = (house: BreakGlassHouse): Kind[] => [
  defineKind('tenant.erase', {
    keepOutput: false,
    async run(job) {
      await eraseIfDue(house, job.tenantId)
    },
  }) as Kind,
  defineKind<{ break_glass_id: string }>('break_glass.follow', {
    keepOutput: false,
    async run(job) {
      const { lookAt } = await followRequest(house, job.tenantId, job.payload.break_glass_id)
      return lookAt ? snooze(lookAt) : undefined
    },
  }) as Kind,
]
