// Templates of injections: `{{field}}` and `{{base64(user:pass)}}` and nothing else (V56). Inside `base64(…)` stand names of fields and text that is no such name, parted by colons.
// Knows no place: what bytes may stand where is `fill.ts`.
import { DefinitionFault } from './pattern.ts'

export type Piece = { text: string } | { field: string } | { base64: readonly ({ text: string } | { field: string })[] }

const PIECE = /\{\{(?:([a-z][a-z0-9_]*)|base64\(([^(){}]*)\))\}\}/g
const FIELD = /^[a-z][a-z0-9_]*$/

/** `fields`: those that a connection of this definition may have; another name is a fault. Without it every name is taken as one of a field. */
export function readTemplate(template: string, fields?: ReadonlySet<string>): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const match of template.matchAll(PIECE)) {
    if (match.index > at) pieces.push({ text: plain(template.slice(at, match.index)) })
    pieces.push(match[1] === undefined ? { base64: readPair(match[2] as string, fields) } : { field: known(match[1], fields) })
    at = match.index + match[0].length
  }
  if (at < template.length) pieces.push({ text: plain(template.slice(at)) })
  return pieces
}

function plain(text: string): string {
  if (/\{\{|\}\}/.test(text))
    throw new DefinitionFault('template_invalid', 'A template holds {{field}} and {{base64(user:pass)}} and nothing else.')
  return text
}

function known(name: string, fields: ReadonlySet<string> | undefined): string {
  if (fields && !fields.has(name))
    throw new DefinitionFault(
      'field_unknown',
      `No connection has a field ${name}; there are ${[...fields].sort().join(', ') || 'none'}.`,
    )
  return name
}

/** A word that reads like the name of a field is one; anything else is text, as in `base64(x-access-token:access_token)`. */
function readPair(text: string, fields: ReadonlySet<string> | undefined): ({ text: string } | { field: string })[] {
  const parts = text.split(/(:)/).filter((part) => part !== '')
  return parts.map((part) => (FIELD.test(part) ? { field: known(part, fields) } : { text: part }))
}

export const fieldsOf = (pieces: readonly Piece[]): string[] =>
  pieces.flatMap((piece) => ('field' in piece ? [piece.field] : 'base64' in piece ? fieldsOf(piece.base64) : []))
