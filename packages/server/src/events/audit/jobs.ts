// The jobs of the audit log: ids in, one verb each.
import { defineKind, defineSchedule, discard, type Kind, type Schedule } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import { EXPORT_KIND, failExport, writeExport } from './export.ts'
import type { AuditHouse } from './house.ts'
import { purgeAll } from './retention.ts'
import { tellCheckpoints, type Witness } from './witness.ts'

type Payload = { export_id: string }

function readPayload(value: unknown): Payload {
  const { export_id } = value as Partial<Payload>
  if (!isId('aex', export_id)) throw new TypeError('export_id is the id of an export')
  return { export_id }
}

export const auditJobs = (house: AuditHouse, witness?: Witness): Kind[] => [
  defineKind<unknown, Payload>(EXPORT_KIND, {
    schema: readPayload,
    keepOutput: false,
    maxAttempts: 5,
    deadline: '1h',
    async run(job, { signal }) {
      try {
        await writeExport(house, job.tenantId, job.payload.export_id, signal)
      } catch (error) {
        if (signal.aborted || job.attempt < job.maxAttempts) throw error
        await failExport(house, job.tenantId, job.payload.export_id, 'The export could not be written.')
        return discard(error instanceof Error ? error.message : 'failed')
      }
    },
  }) as Kind,
  defineKind('audit.purge', {
    keepOutput: false,
    deadline: '1h',
    async run(_job, { signal }) {
      await purgeAll(house, signal)
    },
  }) as Kind,
  defineKind('audit.tell', {
    keepOutput: false,
    deadline: '10m',
    async run(_job, { signal }) {
      await tellCheckpoints(house, witness, signal)
    },
  }) as Kind,
]

export const auditSchedules: readonly Schedule[] = [
  defineSchedule('audit-purge', { cron: '23 3 * * *', kind: 'audit.purge', overlap: 'skip' }),
  defineSchedule('audit-checkpoints', { cron: '41 * * * *', kind: 'audit.tell', overlap: 'skip' }),
]
