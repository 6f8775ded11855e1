// The question that the owner's people are asked (relay.md R76, R77): who wants to be connected, for what, and to what exactly. What a stranger wrote is shown as data, never
// as markup. Who answers it may narrow the terms, and nobody of the asking side does.

import type { Scope } from '../../db/scope.ts'
import type { Asking } from '../../policy/decide.ts'
import { fillAsk } from '../../policy/words.ts'
import type { CreateInput } from '../../tasks/creation.ts'
import { type Prepared, prepareTask } from '../../tasks/creation.ts'
import { RUNNERS } from '../../tasks/routing/sql.ts'
import type { CardRow } from '../grants/sql.ts'
import type { Terms } from '../grants/terms.ts'
import type { RelayHouse } from '../house.ts'
import type { Part } from '../model.ts'
import type { Conduct } from './conduct.ts'

export const ACTION = 'connection_request.create'
export const EDITABLE: readonly (keyof Terms)[] = ['skills', 'scopes', 'expires_in_seconds', 'limits', 'bind']

export type Question = {
  id: string
  card: CardRow
  /** Of the asking side. */
  from: { tenantName: string; agentId: string; agentName: string; owner: string | null; isExternal: boolean }
  purpose: string
  asked: Terms
  asking: Asking
  policy: { ids: readonly string[]; version: number }
  hash: string
  /** How the asking side asks elsewhere (R121); null: nothing is known of it. */
  conduct: Conduct | null
  /** What waits for the answer (R103). */
  message: { skill: string | null; parts: readonly Part[]; payload_hash: string } | null
  /** Beside those who run the work: whose card it is. */
  owners: readonly string[]
}

/** `scope`: of the asking agent, in the owner's tenant. */
export async function prepareQuestion({ tasks }: Pick<RelayHouse, 'tasks'>, scope: Scope, question: Question): Promise<Prepared> {
  const { id, asking, owners, from } = question
  const prepared = await prepareTask(tasks, scope, inputOf(question), 'native')
  return {
    ...prepared,
    act: { origin: 'relay', ref: id },
    // Nobody of the asking side is counted, however few have to agree (R78).
    quorum: {
      groups: [{ name: null, need: asking.quorum, assignment: null }],
      ...{ on_deny: 'first' as const, combine: 'last' as const, separate: true, blind: false, sent: asking.quorum },
    },
    // Whose agent it is in another tenant is not told here; who is of both is refused as they decide (refuseAskingSide).
    asker: (from.isExternal ? null : from.owner) ?? prepared.asker,
    reached: [...new Set([RUNNERS, ...owners])],
  }
}

function inputOf({ card, from, purpose, asked, asking, policy, hash, conduct, message }: Question): CreateInput {
  const words = { agent: from.agentName, skill: asked.skills?.join(', ') }
  const texts = asking.texts.length > 0 ? asking.texts : ['May {agent} be connected?']
  return {
    task: texts
      .map((text) => fillAsk(text, words))
      .join(' ')
      .slice(0, 4_000),
    description: [
      asking.quorum > 1 ? `${asking.quorum} people have to agree.` : null,
      `${plain(from.agentName)} of ${plain(from.tenantName)}${from.isExternal ? ', another owner,' : ''} asks to work with ${plain(card.name)}.`,
      `Asked by ${policy.ids.join(', ')} in version ${policy.version} of the policies.`,
      message === null
        ? 'You may give less than what is asked for, and never more. From then on the two exchange messages as narrowly as you say, until somebody revokes it.'
        : 'Who agrees lets in the message below and the thread that it starts, and nothing after that. Where the connection is to last, edit what is given and tick “Let the two stay connected” (`lasting`).',
    ]
      .filter((line) => line !== null)
      .join('\n\n'),
    payload: {
      agent: card.slug,
      asker: { agent_id: from.agentId, agent: from.agentName, owner: from.tenantName },
      ...(conduct && { conduct: { ...conduct } }),
      purpose,
      asked: asked as unknown as Record<string, unknown>,
      ...(message && { message: { ...message, parts: [...message.parts] } }),
      payload_hash: hash,
      asked_by: { policies: [...policy.ids], version: policy.version },
    },
    action: {
      name: ACTION,
      args: message === null ? argsOf(asked) : { ...argsOf(asked), lasting: false },
      description: 'What is given, if it is approved.',
      allow: ['accept', 'edit', 'deny'],
      editable: [...EDITABLE, ...(message === null ? [] : ['lasting'])].map((name) => `/${name}`),
    },
    timeout_seconds: asking.expires_seconds,
    on_timeout: 'deny',
    tags: ['approval', 'relay'],
    metadata: { action: ACTION, agent: card.slug, quorum: asking.quorum, payload_hash: hash },
  }
}

/** The terms as the arguments that people accept or edit. */
export const argsOf = (terms: Terms): Record<string, unknown> => Object.fromEntries(EDITABLE.map((name) => [name, terms[name]]))

/** Descriptions are Markdown, and what a stranger wrote is none. */
const plain = (text: string): string => text.replace(/[\\`*_{}[\]()#+\-.!|<>~&]/g, '\\$&')
