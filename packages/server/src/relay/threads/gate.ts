// Whether a message may pass, by the policies of the tenant whose data it becomes (relay.md R71, R73). Judged in the transaction that accepts it, so an activation counts from the
// next message in every process.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { denialOf } from '../../identity/policies/denial.ts'
import { type Judged, judgeOne } from '../../identity/policies/judge.ts'
import type { RelayHouse } from '../house.ts'
import type { Part } from '../model.ts'
import type { CardRow, GrantRow } from './sql.ts'

export type About = {
  action: 'thread.start' | 'thread.send'
  card: CardRow
  grant: GrantRow
  threadId: string
  face: 'native' | 'a2a' | 'mcp'
  first: boolean
  sequence: number
  skill: string | null
  parts: readonly Part[]
  partKinds: readonly string[]
  mediaTypes: readonly string[]
  sizeBytes: number
  payloadHash: string
  facts: Readonly<Record<string, number | boolean | string>>
  openThreads: number
  messagesToday: number
}

/** Throws `policy_denied` or `policy_error`; otherwise says whether people have to agree first. */
export async function judgeMessage(house: RelayHouse, t: Tx, scope: Scope, about: About): Promise<Judged> {
  const { action, card, grant } = about
  const resource = action === 'thread.start' ? { type: 'Card', id: card.id } : { type: 'Thread', id: about.threadId }
  const judged = await judgeOne(house, t, {
    scope,
    act: {
      action,
      resource,
      context: {
        direction: 'in',
        face: about.face,
        first: about.first,
        skill: about.skill ?? '',
        part_kinds: [...about.partKinds],
        media_types: [...about.mediaTypes],
        size_bytes: about.sizeBytes,
        sequence: about.sequence,
        encrypted: false,
        payload_hash: about.payloadHash,
        facts: about.facts,
        content: contentOf(about.parts),
        relay_grant: {
          id: grant.id,
          state: grant.state,
          age_days: Math.floor((t.now.getTime() - grant.created_at.getTime()) / 86_400_000),
          scopes: grant.scopes,
          open_threads: about.openThreads,
          messages_today: about.messagesToday,
          sandbox: grant.sandbox,
        },
        delivery: { mode: card.delivery_mode, host: '' },
      },
    },
  })
  if (judged.outcome.outcome === 'deny') throw denialOf(judged)
  return judged
}

const MOST_CONTENT = 8_192
/** Words of a stranger: what policies may read of them, cut. */
const contentOf = (parts: readonly Part[]): string =>
  parts
    .flatMap(({ text }) => (text === undefined ? [] : [text]))
    .join('\n')
    .slice(0, MOST_CONTENT)
