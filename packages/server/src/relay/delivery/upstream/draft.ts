// What of an A2A card becomes a card of ours (relay.md R18): as much as ours can say, and a note of each place where less or something else is said. Pure: reads no row and asks nobody.
import { AgentCard } from '@a2a-js/sdk'
import type { NewCard, Skill } from '../../cards/input.ts'
import { isReserved } from '../../cards/input.ts'

export type Changed = { path: string; message: string }
export type Draft = { card: Omit<NewCard, 'slug'>; slug: string; changed: Changed[] }

const MEDIA_TYPE = /^(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)\/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)$/
const MOST_SKILLS = 64
const ANY_TEXT = ['text/plain']

export function draftOf(wire: Record<string, unknown>): Draft {
  const said = AgentCard.fromJSON(wire)
  const changed: Changed[] = []
  const note = (path: string, message: string) => void changed.push({ path, message })
  const cut = (path: string, text: string, max: number): string => {
    const characters = [...text.replace(/[^\P{Cc}\n\t]/gu, '')]
    if (characters.length > max) note(path, `Cut to ${max} characters.`)
    return characters.slice(0, max).join('').trim()
  }
  const line = (path: string, text: string, max: number) => cut(path, text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim(), max)
  const media = (path: string, types: readonly string[]): string[] => {
    const good = [...new Set(types.map((one) => one.toLowerCase()))].filter((one) => MEDIA_TYPE.test(one) && one.length <= 127)
    if (good.length < types.length) note(path, 'What is no media type was left out.')
    return good.slice(0, 32)
  }
  const url = (path: string, text: string | undefined): string | null => {
    if (!text) return null
    const is = text.length <= 2_048 && /^https:\/\/[^\s<>"\\^`{|}]+$/.test(text) && URL.parse(text)?.username === ''
    if (!is) note(path, 'Left out: it is no https address.')
    return is ? text : null
  }

  const name = line('/name', said.name, 80) || 'Imported agent'
  const description = cut('/description', said.description, 4_000)
  const orText = (path: string, types: readonly string[]): string[] => {
    const good = media(path, types)
    if (good.length === 0) note(path, 'None was said: text/plain.')
    return good.length > 0 ? good : ANY_TEXT
  }
  const provider = url('/provider/url', said.provider?.url)
  const organization = line('/provider/organization', said.provider?.organization ?? '', 120)
  const skills = said.skills.slice(0, MOST_SKILLS).flatMap((one, i): Skill[] => {
    const at = `/skills/${i}`
    const id = one.id
      .replace(/[^A-Za-z0-9_.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64)
    if (id === '' || said.skills.slice(0, i).some((other) => other.id === one.id)) {
      note(at, 'Left out: it has no name of its own.')
      return []
    }
    if (id !== one.id) note(`${at}/id`, `Named ${id}: callers say ours.`)
    const tags = [...new Set(one.tags.map((tag) => line(`${at}/tags`, tag, 40)).filter((tag) => tag !== ''))].slice(0, 16)
    const input_modes = media(`${at}/inputModes`, one.inputModes)
    const output_modes = media(`${at}/outputModes`, one.outputModes)
    const examples = one.examples
      .map((text) => cut(`${at}/examples`, text, 500))
      .filter((text) => text !== '')
      .slice(0, 8)
    const named = line(`${at}/name`, one.name, 80) || id
    return [
      {
        ...{ id, name: named, description: cut(`${at}/description`, one.description, 1_000) || named },
        tags: tags.length > 0 ? tags : ['imported'],
        ...(input_modes.length > 0 && { input_modes }),
        ...(output_modes.length > 0 && { output_modes }),
        ...(examples.length > 0 && { examples }),
      },
    ]
  })
  if (said.skills.length > MOST_SKILLS) note('/skills', `Only the first ${MOST_SKILLS} were taken.`)
  if (skills.length === 0) note('/skills', 'It names none: one was made of the card itself.')
  const documentation_url = url('/documentationUrl', said.documentationUrl)
  const icon_url = url('/iconUrl', said.iconUrl)
  const card = {
    name,
    summary: line('/summary', firstSentence(description), 280) || name,
    ...(description !== '' && { description }),
    ...(provider !== null && organization !== '' && { provider: { name: organization, url: provider } }),
    ...(documentation_url !== null && { documentation_url }),
    ...(icon_url !== null && { icon_url }),
    accepted_inputs: orText('/defaultInputModes', said.defaultInputModes),
    expected_outputs: orText('/defaultOutputModes', said.defaultOutputModes),
    skills:
      skills.length > 0
        ? unique(skills)
        : [{ id: 'default', name, description: description.slice(0, 1_000) || name, tags: ['imported'] }],
  }
  return {
    card,
    slug: slugOf(name),
    changed: changed.filter(
      (one, i) => changed.findIndex((other) => other.path === one.path && other.message === one.message) === i,
    ),
  }
}

const firstSentence = (text: string): string => /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text

/** Two ids may have become one. */
const unique = (skills: Skill[]): Skill[] => skills.filter((one, i) => skills.findIndex((other) => other.id === one.id) === i)

function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 48)
    .replace(/^-+|-+$/g, '')
  return slug.length < 3 || isReserved(slug) ? `agent-${slug}`.replace(/-$/, '') : slug
}
