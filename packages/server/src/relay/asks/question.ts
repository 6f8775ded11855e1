// The question that people are asked about a message (relay.md R75, R77): who sends it, under which relay grant, for which skill, with which facts, and its parts. What the other side
// wrote is shown as data, never as markup; the title, which is kept plain, holds none of it.

import { sha256Hex } from '../../crypto/token.ts'
import { type Json, writeJson } from '../../http/json.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import type { Asking } from '../../policy/decide.ts'
import { fillAsk } from '../../policy/words.ts'
import type { CreateInput } from '../../tasks/creation.ts'
import type { Part } from '../model.ts'
import type { About } from '../threads/gate.ts'
import type { What } from './sql.ts'

export type Told = {
  what: What
  judged: Judged
  about: About
  messageId: string
  /** Whose words these are, and of which agent. */
  sender: { label: string; tenant: string | null; agent: string | null }
  /** The agent that it goes to or comes from. */
  slug: string
  grantLabel: string
  /** Of the card's skill; null where it says nothing. */
  risk: string | null
  /** Of a reply: all of it is what `about` has, so an edit may take its place. */
  editable?: boolean
}

/** Proposed arguments have at most 1 MiB; what is around the parts has the rest. */
const MOST_SHOWN = 1_000_000
const DEFAULT_SECONDS = 86_400

const ASKS: Record<What, string> = {
  send_in: 'May {agent} send this message to {card}?',
  send_out: 'May {agent} send this message to {card}?',
  reply_out: 'May {card} answer {agent} like this?',
  reply_in: 'May this answer of {card} reach {agent}?',
}

const RISKS: Record<string, NonNullable<CreateInput['risk']>> = {
  low: 'low',
  medium: 'normal',
  high: 'high',
  critical: 'critical',
}

export function questionOf(told: Told): CreateInput {
  const { what, judged, about, messageId, sender, slug, grantLabel, risk } = told
  const asking = askingOf(judged)
  const { request, outcome } = judged
  const shown = shownParts(about.parts)
  // An edit replaces the whole: so only where the whole is seen, and never the words of a peer (R80).
  const editable = told.editable === true && shown.isWhole
  const words = wordsOf(told)
  const texts = asking.texts.length > 0 ? asking.texts : [ASKS[what]]
  return {
    task: texts
      .map((text) => fillAsk(text, words))
      .join(' ')
      .slice(0, 4_000),
    description: [
      asking.quorum > 1 ? `${asking.quorum} people have to agree.` : null,
      `Asked by ${outcome.policy_ids.join(', ')} in version ${outcome.policy_version} of the policies.`,
      shown.isWhole
        ? null
        : 'Parts that are too long to be shown are named by their digest. What is delivered is what the payload hash says, to the byte.',
      'It is delivered once if it is approved; anything that differs by a byte is asked anew.',
    ]
      .filter((line) => line !== null)
      .join('\n\n'),
    payload: {
      action: request.action,
      principal: `${request.principal.type} ${request.principal.id}`,
      resource: `${request.resource.type} ${request.resource.id}`,
      context: Object.fromEntries(
        Object.entries(request.context).filter(([name, value]) => value !== undefined && name !== 'content'),
      ),
      from: sender,
      agent: slug,
      relay_grant: { id: about.grant.id, label: grantLabel },
      thread_id: about.threadId,
      message_id: messageId,
      skill: about.skill,
      ...(Object.keys(about.facts).length > 0 ? { facts: { ...about.facts } } : {}),
      size_bytes: about.sizeBytes,
      payload_hash: about.payloadHash,
      asked_by: { policies: outcome.policy_ids, version: outcome.policy_version },
    },
    action: {
      name: about.action,
      args: { parts: shown.parts },
      description: 'What is delivered, once, if it is approved.',
      allow: editable ? ['accept', 'edit', 'deny'] : ['accept', 'deny'],
      editable: editable ? ['/parts'] : [],
    },
    risk: RISKS[risk ?? ''] ?? 'normal',
    timeout_seconds: asking.expires_seconds,
    on_timeout: 'deny',
    quorum: asking.quorum > 1 ? asking.quorum : null,
    tags: ['approval', 'relay'],
    metadata: {
      action: about.action,
      thread_id: about.threadId,
      message_id: messageId,
      payload_hash: about.payloadHash,
      quorum: asking.quorum,
    },
  }
}

export const askingOf = ({ outcome }: Judged): Asking =>
  outcome.ask ?? { quorum: 1, expires_seconds: DEFAULT_SECONDS, on_timeout: 'deny', texts: [] }

function wordsOf({ about, sender, slug, what, grantLabel: callerLabel }: Told): Record<string, string | undefined> {
  const isReply = what === 'reply_out' || what === 'reply_in'
  return {
    agent: isReply ? callerLabel : sender.label,
    card: slug,
    skill: about.skill ?? undefined,
    connection: slug,
    ...Object.fromEntries(Object.entries(about.facts).map(([name, value]) => [`facts.${name}`, String(value)])),
  }
}

/** The longest go first, each for what says how long it is and which bytes they were. */
function shownParts(parts: readonly Part[]): { parts: Record<string, unknown>[]; isWhole: boolean } {
  const shown = parts.map((part) => ({ part: part as Record<string, unknown>, bytes: sizeOf(part) }))
  let left = shown.reduce((sum, one) => sum + one.bytes, 0)
  const isWhole = left <= MOST_SHOWN
  for (const one of [...shown].sort((a, b) => b.bytes - a.bytes)) {
    if (left <= MOST_SHOWN) break
    one.part = omitted(one.part, one.bytes)
    left -= one.bytes
  }
  return { parts: shown.map((one) => one.part), isWhole }
}

const sizeOf = (part: Part): number => Buffer.byteLength(writeJson(part as unknown as Json))

const omitted = ({ media_type, filename, ...part }: Record<string, unknown>, bytes: number) => ({
  omitted: { bytes, sha256: sha256Hex(writeJson(part as Json)) },
  ...(media_type === undefined ? {} : { media_type }),
  ...(filename === undefined ? {} : { filename }),
})
