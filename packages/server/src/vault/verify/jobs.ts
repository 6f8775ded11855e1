// The job that opens every envelope of a tenant, with its progress; what it found is its output: numbers by table.
import { defineKind, type Kind } from '@countersign/queue'
import type { VaultHouse } from '../house.ts'
import { type Verified, verifyTenant } from './verify.ts'

export const VERIFY = 'vault.verify'

export const verifyJobs = (house: VaultHouse): Kind[] => [
  defineKind<Verified, { total: number }>(VERIFY, {
    schema: readTotal,
    maxAttempts: 3,
    async run({ tenantId, payload: { total } }, { progress, signal }) {
      const told = (done: number, item: string) =>
        progress(total === 0 ? 100 : Math.min(99, Math.floor((done / total) * 100)), item, { done, total })
      return verifyTenant(house, tenantId as string, told, signal)
    },
  }) as Kind,
]

function readTotal(value: unknown): { total: number } {
  const total = (value as { total?: unknown } | null)?.total
  if (typeof total !== 'number' || !Number.isInteger(total) || total < 0) throw new TypeError('total is a number')
  return { total }
}
