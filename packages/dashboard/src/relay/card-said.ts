// What the form of a card holds, and the card that it says: fields as people type them on one side, the API's members on the other. What the form has no field for is kept as it is.
import type { Card, CardSkill, NewCard } from '@countersign/sdk'

export type TypedSkill = { key: string; id: string; name: string; description: string; tags: string; risk: string; more: string }
export type TypedCard = {
  name: string
  slug: string
  summary: string
  description: string
  category: string
  provider: string
  providerUrl: string
  documentation: string
  inputs: string
  outputs: string
  visibility: Card['visibility']
  approval: Card['approval']
  retention: string
  agent: string
  skills: TypedSkill[]
}

let made = 0
const nextKey = (): string => `skill-${++made}`

export const newSkill = (): TypedSkill => ({
  ...{ key: nextKey(), id: '', name: '', description: '', tags: '', risk: '', more: '' },
})

export const NEW_CARD = (): TypedCard => ({
  ...{ name: '', slug: '', summary: '', description: '', category: '', provider: '', providerUrl: '', documentation: '' },
  ...{ inputs: 'text/plain', outputs: 'text/plain', visibility: 'public', approval: 'connection', retention: '30', agent: '' },
  skills: [newSkill()],
})

const typedSkill = ({ id, name, description, tags, risk, ...more }: CardSkill): TypedSkill => ({
  key: nextKey(),
  ...{ id, name, description, tags: tags.join(', '), risk: risk ?? '' },
  more: Object.keys(more).length === 0 ? '' : JSON.stringify(more, null, 2),
})

export const typedCard = (card: Card): TypedCard => ({
  ...{ name: card.name, slug: card.slug, summary: card.summary },
  ...{ description: card.description ?? '', category: card.category ?? '' },
  ...{ provider: card.provider?.name ?? '', providerUrl: card.provider?.url ?? '' },
  documentation: card.documentation_url ?? '',
  ...{ inputs: card.accepted_inputs.join(', '), outputs: card.expected_outputs.join(', ') },
  ...{ visibility: card.visibility, approval: card.approval, retention: String(card.retention_days) },
  agent: card.agent_id ?? '',
  skills: card.skills.map(typedSkill),
})

const list = (text: string): string[] =>
  text
    .split(/[,\n]/)
    .map((one) => one.trim())
    .filter((one) => one !== '')

/** Null: it is no JSON object. */
export function moreOf(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const skillOf = ({ id, name, description, tags, risk, more }: TypedSkill): CardSkill => ({
  ...(moreOf(more) as Partial<CardSkill>),
  ...{ id, name, description, tags: list(tags) },
  ...(risk === '' ? {} : { risk: risk as NonNullable<CardSkill['risk']> }),
})

/** Members that may be taken away, as they are typed: empty is not there. */
const optional = (typed: TypedCard) => ({
  description: typed.description || null,
  category: typed.category || null,
  provider: typed.provider || typed.providerUrl ? { name: typed.provider, url: typed.providerUrl } : null,
  documentation_url: typed.documentation || null,
})

const always = (typed: TypedCard) => ({
  ...{ slug: typed.slug, name: typed.name, summary: typed.summary, skills: typed.skills.map(skillOf) },
  ...{ accepted_inputs: list(typed.inputs), expected_outputs: list(typed.outputs) },
  ...{ visibility: typed.visibility, approval: typed.approval },
  retention_days: typed.retention === 'none' ? ('none' as const) : Number(typed.retention),
  agent_id: typed.agent || null,
})

/** A change: what was emptied is taken away. */
export const changeOf = (typed: TypedCard) => ({ ...always(typed), ...optional(typed) })

/** A new one, and the whole of what is said: what is empty is left out. `before`: whose members without a field stay. */
export const newCardOf = (typed: TypedCard, before?: Card): NewCard =>
  ({
    ...(before && kept(before)),
    ...always(typed),
    ...Object.fromEntries(Object.entries(optional(typed)).filter(([, value]) => value !== null)),
  }) as NewCard

const kept = ({ limits, encryption_keys, icon_url, max_message_bytes, capabilities }: Card) =>
  Object.fromEntries(
    Object.entries({ limits, encryption_keys, icon_url, max_message_bytes, capabilities }).filter(
      ([, value]) => value !== undefined,
    ),
  )

/** Where a fault of the API has its field. */
export const placesOf = (typed: TypedCard): string[] => [
  ...['/name', '/slug', '/summary', '/description', '/category', '/provider/name', '/provider/url', '/documentation_url'],
  ...['/accepted_inputs', '/expected_outputs', '/visibility', '/approval', '/retention_days', '/agent_id'],
  ...typed.skills.flatMap((_, i) =>
    ['/id', '/name', '/description', '/tags', '/risk', ''].map((member) => `/skills/${i}${member}`),
  ),
]
