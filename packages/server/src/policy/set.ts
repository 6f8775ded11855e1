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
  const { named, errors, faultAt } = readText(source, layer)
  if (errors.length > 0) return { policies: [], errors: inOrder(errors), warnings: [] }
  const judged = validate(schema, named)
  const at = ({ start: pieceStart, text }: Piece, { message, start }: Complaint, code: string, id: string) =>
    faultAt(pieceStart + offsetOfByte(text, start ?? 0), code, message, id)
  const warnings: Fault[] = []
  const policies = named.map((one) => readOne(one, faultAt))
  for (const [i, { piece, id }] of named.entries()) {
    const { effect, notes, reads } = policies[i] as Policy
    for (const complaint of judged.errors.get(id) ?? []) errors.push(at(piece, complaint, 'invalid', id))
    for (const complaint of judged.warnings.get(id) ?? []) warnings.push(at(piece, complaint, 'warning', id))
    if (layer === 'host' && effect === 'permit')
      errors.push(faultAt(piece.start, 'permit_in_guardrails', 'A guardrail of the host only forbids.', id))
    if (effect === 'permit' && notes.ask === null && readsContent(reads)) {
      const message = 'A permit without @ask may not read context.content: the text of whoever asks never lifts a gate.'
      errors.push(faultAt(piece.start + contentIn(piece.text), 'content_read', message, id))
    }
  }
  if (errors.length === 0)
    for (const { asking, by } of coversIn(policies, schema)) {
      const message = `The question of ${asking.id} is never asked: ${by.id} permits the same without @ask.`
      warnings.push({ path: '/text', ...asking.place, code: 'ask_covered', message, policy_id: asking.id })
    }
  return { policies: errors.length === 0 ? policies : [], errors: inOrder(errors), warnings: inOrder(warnings) }
}

/** A text that passed when it was saved, without holding it against the schema again. What no longer reads is said as a fault. */
export function readPolicies(source: string, layer: Layer = 'tenant'): Pick<Checked, 'policies' | 'errors'> {
  const { named, errors, faultAt } = readText(source, layer)
  return { policies: errors.length > 0 ? [] : named.map((one) => readOne(one, faultAt)), errors }
}

type FaultAt = (offset: number, code: string, message: string, policyId?: string | null) => Fault

/** Everything that can be said without a schema. */
function readText(source: string, layer: Layer): { named: Named[]; errors: Fault[]; faultAt: FaultAt } {
  const placeOf = openPlaces(source)
  const faultAt: FaultAt = (offset, code, message, policy_id = null) => ({
    path: '/text',
    ...placeOf(offset),
    code,
    message,
    policy_id,
  })
  const pieces = cutPolicies(source)
  const done = (errors: Fault[]) => ({ named: [], errors, faultAt })
  const large = pieces
    .filter(({ text }) => Buffer.byteLength(text) > MOST_BYTES)
    .map(({ start }) => faultAt(start, 'policy_too_large', 'A policy has at most 8 kB.'))
  const beyond = pieces[MOST_POLICIES]
  if (beyond) large.push(faultAt(beyond.start, 'too_many_policies', `A set has at most ${MOST_POLICIES} policies.`))
  if (large.length > 0) return done(large)
  const annotated = pieces.flatMap((piece) => refusalsOf(piece).map(({ start, code, message }) => faultAt(start, code, message)))
  // Cedar refuses a repeated annotation as a fault of syntax; ours says which, and comes first.
  if (annotated.some(({ code }) => code === 'annotation_twice')) return done(annotated)
  const syntax = parseFaults(source).map(({ message, start }) => faultAt(offsetOfByte(source, start ?? 0), 'syntax', message))
  if (syntax.length > 0) return done([...annotated, ...syntax])
  const named = nameAll(pieces, layer)
  const taken = named
    .filter((one) => one.taken)
    .map(({ piece, id }) => faultAt(piece.start, 'id_taken', `Another policy has the id ${id}.`, id))
  return { named, errors: [...annotated, ...taken], faultAt }
}

function readOne({ piece, id }: Named, faultAt: FaultAt): Policy {
  const json = readPolicy(piece.text)
  const { line, column } = faultAt(piece.start, '', '')
  const { notes } = readAnnotations(piece.annotations, json.effect)
  return { id, effect: json.effect, text: piece.text, place: { line, column }, notes, json, reads: readsOf(json) }
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
