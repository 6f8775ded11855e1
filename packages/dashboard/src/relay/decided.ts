// What was decided about each message of a thread, read from its events (relay.md R75, R82): what policies said, whom they had asked, and what became of the question.
import type { ThreadEvent, ThreadMessage } from '@countersign/sdk'

export type Asked = {
  taskId: string | null
  side: string
  /** Null: it waits. */
  decision: string | null
}
export type Decided = { outcome: string | null; policies: string[]; version: number | null; asked: Asked | null }

const NOTHING: Decided = { outcome: null, policies: [], version: null, asked: null }

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const list = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])

export function decidedOf(events: readonly ThreadEvent[], message: Pick<ThreadMessage, 'id' | 'sequence'>): Decided {
  // The first message was judged with the thread that it began.
  const first = events[0]
  const begins = first?.type === 'thread.accepted' && message.sequence === first.sequence + 1 ? first : undefined
  const about = events.filter(({ data }) => data.message_id === message.id)
  const judged = [begins, ...about].find((one) => one !== undefined && typeof one.data.policy_version === 'number')
  const requested = about.find(({ type }) => type === 'approval.requested')
  const taskId = text(requested?.data.task_id)
  const ended = events.find(
    ({ type, data, sequence }) =>
      type === 'approval.decided' &&
      requested !== undefined &&
      sequence > requested.sequence &&
      (taskId === null || data.task_id === taskId),
  )
  return {
    ...NOTHING,
    ...(judged && {
      outcome: text(judged.data.decision) ?? (judged.type === 'approval.requested' ? 'ask' : null),
      policies: list(judged.data.policy_ids),
      version: judged.data.policy_version as number,
    }),
    asked: requested
      ? {
          taskId,
          side: text(requested.data.side) ?? 'owner',
          decision: text(ended?.data.decision),
        }
      : null,
  }
}
