// The jobs of notices: an id in, one verb, a verdict out. How often a notice is tried is the verb's to say; the limit here is for what nobody foresaw.
import { defineKind, type Kind } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { rewriteNotice, sendNotice } from './send.ts'

type Payload = { notice_id: string }

function readPayload(value: unknown): Payload {
  const { notice_id } = value as Partial<Payload>
  if (!isId('ntc', notice_id)) throw new TypeError('notice_id is the id of a notice')
  return { notice_id }
}

// A provider that is slow holds up no other work: notices have a queue of their own.
const settings = {
  schema: readPayload,
  queue: 'notices',
  keepOutput: false as const,
  backoff: { base: '5s', cap: '10m' } as const,
}

export const noticeKinds = (house: TasksHouse): Kind[] => [
  defineKind<unknown, Payload>('notice.send', {
    ...settings,
    run: ({ tenantId, payload }) => sendNotice(house, tenantId, payload.notice_id),
  }) as Kind,
  defineKind<unknown, Payload>('notice.rewrite', {
    ...settings,
    run: ({ tenantId, payload }) => rewriteNotice(house, tenantId, payload.notice_id),
  }) as Kind,
]
