// The one door to Cedar: parsing, validating and evaluating by its WebAssembly, which is the only judge of policies (V20).
// Keeps parsed sets in its own memory, at most so many: a set beyond that takes the place of the one that was not asked for longest.
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import type Cedar from '@cedar-policy/cedar-wasm/nodejs'

// The optimising compiler would take 30 to 50 MB of memory for good, in its threads, to make a judgement of 0.2 ms one of 0.12 ms; outcomes are kept (outcomes.ts), so few are
// made. Read once, when WebAssembly is first compiled: so it is said before Cedar is loaded, which an import would do too soon.
setFlagsFromString('--liftoff-only')
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Cedar

export type PolicyJson = Extract<ReturnType<typeof cedar.policyToJson>, { type: 'success' }>['json']
export type Expr = PolicyJson['conditions'][number]['body']
export type CedarValue = Parameters<typeof cedar.statefulIsAuthorized>[0]['context'][string]
export type Uid = { type: string; id: string }
export type Entity = { uid: Uid; attrs: Record<string, CedarValue>; parents: Uid[] }

/** What Cedar found, with the bytes that it means, when it says which. */
export type Complaint = { message: string; start: number | null }

type Detailed = {
  message: string
  help: string | null
  sourceLocations?: { start: number; label: string | null }[]
  related?: Detailed[]
}

const complaintOf = ({ message, help, sourceLocations = [] }: Detailed): Complaint => {
  const [place] = sourceLocations
  const hint = place?.label ?? help
  const said = message
    .replace(/^failed to parse (?:policies|policy with id `[^`]*`) from string: /, '')
    .replace(/^for policy `[^`]*`, /, '')
  return { message: hint ? `${said} (${hint})` : said, start: place?.start ?? null }
}

/** What keeps the text from being a set of policies; nothing when it is one. */
export function parseFaults(text: string): Complaint[] {
  const answer = cedar.checkParsePolicySet({ staticPolicies: text })
  if (answer.type === 'success') return []
  return answer.errors.flatMap((error: Detailed) => [error, ...(error.related ?? [])]).map(complaintOf)
}

export function readPolicy(text: string): PolicyJson {
  const answer = cedar.policyToJson(text)
  if (answer.type === 'failure') throw new Error(`A policy that was checked cannot be read: ${answer.errors[0]?.message}`)
  return answer.json
}

export type Judged = { errors: Map<string, Complaint[]>; warnings: Map<string, Complaint[]> }

/** Strict validation of policies by id. */
export function validatePolicies(schema: string, policies: Record<string, string>): Judged {
  const answer = cedar.validate({ validationSettings: { mode: 'strict' }, schema, policies: { staticPolicies: policies } })
  if (answer.type === 'failure') throw new Error(`Policies could not be validated: ${answer.errors[0]?.message}`)
  return { errors: byPolicy(answer.validationErrors), warnings: byPolicy(answer.validationWarnings) }
}

function byPolicy(found: readonly { policyId: string; error: Detailed }[]): Map<string, Complaint[]> {
  const all = new Map<string, Complaint[]>()
  for (const { policyId, error } of found) all.set(policyId, [...(all.get(policyId) ?? []), complaintOf(error)])
  return all
}

/** Null when the text is a schema. */
export function schemaFault(text: string): string | null {
  const answer = cedar.checkParseSchema(text)
  return answer.type === 'success' ? null : answer.errors.map((error) => complaintOf(error).message).join('; ')
}

const MOST_SETS = 256
const MOST_SCHEMAS = 64

/** Names in the engine's memory: an old name is parsed over, for nothing there can be forgotten otherwise. */
function openPlaces(most: number, parse: (name: string, given: string | Record<string, string>) => void) {
  const names = new Map<object, string>()
  return (owner: object, given: () => string | Record<string, string>): string => {
    const known = names.get(owner)
    if (known !== undefined) {
      names.delete(owner)
      names.set(owner, known)
      return known
    }
    let name = String(names.size)
    if (names.size === most) {
      const [oldest, free] = names.entries().next().value as [object, string]
      names.delete(oldest)
      name = free
    }
    parse(name, given())
    names.set(owner, name)
    return name
  }
}

const refuse = (answer: ReturnType<typeof cedar.preparseSchema>): void => {
  if (answer.type === 'failure') throw new Error(`Cedar refused what it had accepted: ${answer.errors[0]?.message}`)
}
const placeOfSchema = openPlaces(MOST_SCHEMAS, (name, text) => refuse(cedar.preparseSchema(name, text as string)))
const placeOfSet = openPlaces(MOST_SETS, (name, policies) => refuse(cedar.preparsePolicySet(name, { staticPolicies: policies })))

export type Question = {
  principal: Uid
  action: Uid
  resource: Uid
  context: Record<string, CedarValue>
  entities: Entity[]
}
export type Failure = { policyId: string | null; message: string }
export type Evaluated = { allowed: boolean; determining: string[]; failed: Failure[] }

/** Parsed once per owner. A request that is not what the schema says it is counts as failed, as a policy that errs does. */
export function evaluate(schema: { text: string }, set: { policies(): Record<string, string> }, question: Question): Evaluated {
  const answer = cedar.statefulIsAuthorized({
    ...question,
    preparsedSchemaName: placeOfSchema(schema, () => schema.text),
    preparsedPolicySetId: placeOfSet(set, set.policies),
    validateRequest: true,
  })
  if (answer.type === 'failure')
    return {
      allowed: false,
      determining: [],
      failed: answer.errors.map((error) => ({ policyId: null, message: complaintOf(error).message })),
    }
  const { decision, diagnostics } = answer.response
  return {
    allowed: decision === 'allow',
    determining: [...diagnostics.reason].sort(),
    failed: diagnostics.errors.map(({ policyId, error }) => ({ policyId, message: complaintOf(error).message })),
  }
}
