// What a verifier is (T126), read from what was sent: its form, its bounds and what stands when nothing is said. Reads no row: whether the named key or the
// stored verifier exists is asked by prepare.ts. Never holds a key, and never the name of an environment variable: `api_key_env` of other clients names a key.
import { type FieldError, Problem } from '@countersign/sdk'
import type * as z from 'zod'
import { judge } from '../../http/input.ts'
import { s } from '../../http/route.ts'
import { isId } from '../../std/id.ts'

export const MODEL_PROVIDERS = ['anthropic', 'openai', 'gemini', 'azure_openai', 'openai_compatible'] as const
export type ModelProvider = (typeof MODEL_PROVIDERS)[number]

type Stored = { verifier_id: string | null; name: string | null }
export type ModelVerifier = Stored & {
  provider: ModelProvider
  instructions: string
  model: string | null
  connection: string | null
  base_url: string | null
  deployment: string | null
  api_version: string | null
  max_attempts: number
  timeout_seconds: number
  on_unavailable: 'hold' | 'accept' | 'return'
  allow_redacted: boolean
}
/** The answer, the question's payload and action, and who answered, against a schema; what does not fit is refused with these words. */
export type Rule = { schema: Record<string, unknown>; message: string; field: string | null }
export type RulesVerifier = Stored & { provider: 'rules'; rules: Rule[]; max_attempts: number }
export type AgentVerifier = Stored & {
  provider: 'agent'
  max_attempts: number
  timeout_seconds: number
  on_unavailable: 'hold' | 'accept' | 'return'
}
export type Verifier = ModelVerifier | RulesVerifier | AgentVerifier

export const isModel = (one: Verifier): one is ModelVerifier => one.provider !== 'rules' && one.provider !== 'agent'

export const MOST_VERIFIERS = 3
const ATTEMPTS = 3

const Name = s.pattern(
  /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/,
  'Must start with a letter and have at most 64 of A-Z, a-z, 0-9, _ . and -.',
)
const max_attempts = s.withDefault(s.int({ min: 1, max: 10 }), ATTEMPTS)
const OnUnavailable = s.oneOf('hold', 'accept', 'return')

const Model = s.object({
  provider: s.oneOf(...MODEL_PROVIDERS),
  instructions: s.text({ min: 1, max: 20_000 }).describe('What an answer has to satisfy, for the model.'),
  model: s.nullish(s.line({ max: 200 })),
  connection: s.nullish(Name.describe('The name of a provider key; else the default one of the provider.')),
  base_url: s.nullish(s.text({ min: 1, max: 2_048 }).describe('Must be the address of the key.')),
  deployment: s.nullish(s.pattern(/^[A-Za-z0-9_.-]{1,100}$/, 'Must be 1 to 100 of A-Z, a-z, 0-9, _ . and -.')),
  api_version: s.nullish(s.pattern(/^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$/, 'Must be a version such as 2024-10-21.')),
  max_attempts,
  timeout_seconds: s.withDefault(s.int({ min: 5, max: 120 }), 30),
  on_unavailable: s.withDefault(OnUnavailable, 'hold'),
  allow_redacted: s.withDefault(s.boolean(), false),
})

const RuleIn = s.object({
  schema: s.jsonObject().describe('JSON Schema over `{response, payload, action, user}`.'),
  message: s.text({ min: 1, max: 2_000 }).describe('What the person reads when it does not fit.'),
  field: s.nullish(s.text({ min: 1, max: 500 }).describe('The field of the form beside which it is shown.')),
})
const Rules = s.object({ provider: s.literal('rules'), rules: s.array(RuleIn, { min: 1, max: 50 }), max_attempts })

const Agent = s.object({
  provider: s.literal('agent'),
  max_attempts,
  timeout_seconds: s.withDefault(s.int({ min: 5, max: 3_600 }), 300),
  on_unavailable: s.withDefault(OnUnavailable, 'accept'),
})

/** As a member of a task, and as a stored verifier is sent. */
export const VerifierIn = s
  .json()
  .describe(
    'The id of a stored verifier, `{provider, …}`, or a list of at most 3 of either; the first refusal stops. docs/tasks/verifiers.md',
  )

/** An inline one, in its parts, or the id of a stored one. */
export type Named = { id: string; path: string } | { verifier: Verifier; path: string }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const refuse = (
  errors: FieldError[],
  code: 'validation_failed' | 'verifier_not_configured' = 'validation_failed',
): never => {
  throw new Problem(code, { errors })
}

/** Throws `validation_failed` with every place. */
export function readVerifiers(given: unknown, path: string): Named[] {
  const list = Array.isArray(given) ? given : [given]
  if (list.length === 0 || list.length > MOST_VERIFIERS)
    refuse([{ path, code: 'too_many', message: `Name one to ${MOST_VERIFIERS} verifiers.` }])
  return list.map((one, i) => readOne(one, Array.isArray(given) ? `${path}/${i}` : path))
}

function readOne(one: unknown, path: string): Named {
  if (isId('ver', one)) return { id: one, path }
  if (!isObject(one)) return refuse([{ path, code: 'type', message: 'A verifier is an object, or the id of a stored one.' }])
  return { verifier: readVerifier(one, path), path }
}

export function readVerifier(given: unknown, path: string): Verifier {
  if (!isObject(given)) return refuse([{ path, code: 'type', message: 'A verifier is an object.' }])
  const schema = schemaOf(given.provider, path)
  refuseConditions(given, path)
  const errors: FieldError[] = []
  const read = judge(schema, given, errors) as Record<string, unknown>
  if (errors.length > 0) refuse(errors.map((error) => ({ ...error, path: path + error.path })))
  return wholeOf(read as Partial<Verifier>)
}

function schemaOf(provider: unknown, path: string): z.ZodType {
  if (provider === 'rules') return Rules
  if (provider === 'agent') return Agent
  if ((MODEL_PROVIDERS as readonly unknown[]).includes(provider)) return Model
  const known = [...MODEL_PROVIDERS, 'rules', 'agent'].join(', ')
  return refuse([{ path: `${path}/provider`, code: 'enum', message: `This must be one of ${known}.` }])
}

/** A rule is a JSON Schema: `if`, `then` and `const` say what a condition would. Whoever sends one is told, instead of being left with a rule that never fires. */
function refuseConditions({ rules }: Record<string, unknown>, path: string): void {
  if (!Array.isArray(rules)) return
  const message = 'A rule is a JSON Schema here: say in `schema` what must hold, with `if` and `then` for when it must.'
  const errors = rules.flatMap((rule, i) =>
    isObject(rule)
      ? ['when', 'require']
          .filter((name) => Object.hasOwn(rule, name))
          .map((name) => ({ path: `${path}/rules/${i}/${name}`, code: 'not_supported', message }))
      : [],
  )
  if (errors.length > 0) refuse(errors)
}

/** Every member is there, so that what is stored and shown has one form. */
function wholeOf(read: Partial<Verifier>): Verifier {
  const stored = { verifier_id: null, name: null }
  if (read.provider === 'agent') return { ...stored, ...(read as AgentVerifier) }
  if (read.provider === 'rules') {
    const rules = (read as RulesVerifier).rules.map(({ schema, message, field }) => ({ schema, message, field: field ?? null }))
    return { ...stored, ...(read as RulesVerifier), rules }
  }
  const given = read as ModelVerifier
  return {
    ...stored,
    ...given,
    model: given.model ?? null,
    connection: given.connection ?? null,
    base_url: given.base_url ?? null,
    deployment: given.deployment ?? null,
    api_version: given.api_version ?? null,
  }
}

/** The attempts of a task are those of the first verifier that stands in its list. */
export const attemptsOf = (verifiers: readonly Verifier[]): number => verifiers[0]?.max_attempts ?? ATTEMPTS

/** As lists show it: without what may be long. */
export const briefOf = (one: Verifier): Record<string, unknown> => ({
  provider: one.provider,
  ...(isModel(one) ? { model: one.model } : {}),
  ...(one.verifier_id === null ? {} : { verifier_id: one.verifier_id, name: one.name }),
  max_attempts: one.max_attempts,
})
