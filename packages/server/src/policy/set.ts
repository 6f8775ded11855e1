// A text becomes a set of policies, or a list of what is wrong with it, each with line and column (P67, V19). Nothing is saved that did not pass here.
// Evaluates nothing and knows no time: what a deadline leaves out is the question of a decision.
import { type Notes, readAnnotations } from './annotation.ts'
import { coversIn } from './cover.ts'
import { type Complaint, type PolicyJson, parseFaults, readPolicy, validatePolicies } from './engine.ts'
import { cutPolicies, offsetOfByte, openPlaces, type Piece, type Place } from './lexer.ts'
import { type Reads, readsContent, readsOf } from './reads.ts'
import type { Schema } from './schema.ts'

/** A problem's member: the place, for an editor; `path` is the body's member, as everywhere. */
export type Fault = Place & { path: string; code: string; message: string; policy_id: string | null }

export type Policy = {
  id: string
  effect: 'permit' | 'forbid'
  text: string
  place: Place
  notes: Notes
  json: PolicyJson
  reads: Reads
}
export type Checked = { policies: Policy[]; errors: Fault[]; warnings: Fault[] }
/** host: forbids only, over every tenant (P64). */
export type Layer = 'tenant' | 'host'

const MOST_POLICIES = 500
const MOST_BYTES = 8_192
const HOST = 'host:'

export function checkPolicies(source: string, schema: Schema, layer: Layer = 'tenant'): Checked {
  const placeOf = openPlaces(source)
  const faultAt = (offset: number, code: string, message: string, policy_id: string | null = null): Fault => ({
    path: '/text',
    ...placeOf(offset),
    code,
    message,
    policy_id,
  })
  const pieces = cutPolicies(source)
  const large = pieces.flatMap((piece) =>
    Buffer.byteLength(piece.text) > MOST_BYTES ? [faultAt(piece.start, 'policy_too_large', 'A policy has at most 8 kB.')] : [],
  )
  if (pieces.length > MOST_POLICIES)
    large.push(
      faultAt((pieces[MOST_POLICIES] as Piece).start, 'too_many_policies', `A set has at most ${MOST_POLICIES} policies.`),
    )
  if (large.length > 0) return { policies: [], errors: large, warnings: [] }

  const annotated = pieces.flatMap((piece) => refusalsOf(piece).map(({ start, code, message }) => faultAt(start, code, message)))
  // Cedar refuses a repeated annotation as a fault of syntax; ours says which, and comes first.
  const twice = annotated.filter(({ code }) => code === 'annotation_twice')
  const syntax =
    twice.length > 0
      ? []
      : parseFaults(source).map(({ message, start }) => faultAt(offsetOfByte(source, start ?? 0), 'syntax', message))
  if (twice.length > 0 || syntax.length > 0) return { policies: [], errors: inOrder([...annotated, ...syntax]), warnings: [] }

  const named = nameAll(pieces, layer)
  const errors = [
    ...annotated,
    ...named
      .map(({ piece, id, taken }) => (taken ? faultAt(piece.start, 'id_taken', `Another policy has the id ${id}.`, id) : null))
      .filter((one) => one !== null),
  ]
  if (errors.length > 0) return { policies: [], errors: inOrder(errors), warnings: [] }

  const judged = validate(schema, named)
  const at = (piece: Piece, { message, start }: Complaint, code: string, id: string) =>
    faultAt(piece.start + offsetOfByte(piece.text, start ?? 0), code, message, id)
  const policies: Policy[] = []
  const warnings: Fault[] = []
  for (const { piece, id } of named) {
    const json = readPolicy(piece.text)
    const reads = readsOf(json)
    const { notes } = readAnnotations(piece.annotations, json.effect)
    for (const complaint of judged.errors.get(id) ?? []) errors.push(at(piece, complaint, 'invalid', id))
    for (const complaint of judged.warnings.get(id) ?? []) warnings.push(at(piece, complaint, 'warning', id))
    if (layer === 'host' && json.effect === 'permit')
      errors.push(faultAt(piece.start, 'permit_in_guardrails', 'A guardrail of the host only forbids.', id))
    if (json.effect === 'permit' && notes.ask === null && readsContent(reads)) {
      const message = 'A permit without @ask may not read context.content: the text of whoever asks never lifts a gate.'
      errors.push(faultAt(piece.start + contentIn(piece.text), 'content_read', message, id))
    }
    policies.push({ id, effect: json.effect, text: piece.text, place: placeOf(piece.start), notes, json, reads })
  }
  if (errors.length === 0)
    for (const { asking, by } of coversIn(policies, schema)) {
      const message = `The question of ${asking.id} is never asked: ${by.id} permits the same without @ask.`
      warnings.push({ path: '/text', ...asking.place, code: 'ask_covered', message, policy_id: asking.id })
    }
  return { policies: errors.length === 0 ? policies : [], errors: inOrder(errors), warnings: inOrder(warnings) }
}

const refusalsOf = ({ annotations, effect }: Piece) =>
  readAnnotations(annotations, effect === 'forbid' ? 'forbid' : 'permit').refusals

type Named = { piece: Piece; id: string; taken: boolean }

/** By `@id`, else by position. */
function nameAll(pieces: readonly Piece[], layer: Layer): Named[] {
  const taken = new Set<string>()
  return pieces.map((piece, i) => {
    const own = piece.annotations.find(({ name }) => name === 'id')?.value ?? `policy${i + 1}`
    const id = layer === 'host' ? `${HOST}${own}` : own
    const known = taken.has(id)
    taken.add(id)
    return { piece, id, taken: known }
  })
}

const contentIn = (text: string): number => Math.max(0, text.search(/\bcontent\b/))
const inOrder = (faults: Fault[]): Fault[] => faults.sort((a, b) => a.line - b.line || a.column - b.column)

type Judged = { errors: Complaint[]; warnings: Complaint[] }
// A policy is judged by itself, so who types is kept waiting for what changed only.
const judgedBefore = new WeakMap<Schema, Map<string, Judged>>()
const MOST_KEPT = 2_000

function validate(
  schema: Schema,
  named: readonly Named[],
): { errors: Map<string, Complaint[]>; warnings: Map<string, Complaint[]> } {
  const known = judgedBefore.get(schema) ?? new Map<string, Judged>()
  judgedBefore.set(schema, known)
  const fresh = named.filter(({ piece }) => !known.has(piece.text))
  if (known.size + fresh.length > MOST_KEPT) known.clear()
  const unknown = known.size === 0 ? named : fresh
  if (unknown.length > 0) {
    const { errors, warnings } = validatePolicies(
      schema.text,
      Object.fromEntries(unknown.map(({ id, piece }) => [id, piece.text])),
    )
    for (const { id, piece } of unknown) known.set(piece.text, { errors: errors.get(id) ?? [], warnings: warnings.get(id) ?? [] })
  }
  const by = (part: keyof Judged) => new Map(named.map(({ id, piece }) => [id, (known.get(piece.text) as Judged)[part]]))
  return { errors: by('errors'), warnings: by('warnings') }
}
