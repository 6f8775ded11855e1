// The routes of verifiers: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { TaskBody, taskId } from '../shapes.ts'
import type { Task } from '../wire.ts'
import { MODEL_PROVIDERS } from './config.ts'
import { listProviderKeys, putProviderKey, removeProviderKey } from './provider-key.ts'
import { listRuns } from './runs.ts'
import { changeVerifier, createVerifier, deleteVerifier, getVerifier, listVerifiers, tryVerifier } from './verifier.ts'
import { overrideVerification, verifyByAgent } from './word.ts'

const tag = 'verifiers'
const configure = { tag, auth: 'any', action: 'task.configure' } as const
const params = { id: s.id('ver') }
const named = { name: s.pattern(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'Must start with a letter and have at most 64 characters.') }

const VerifierBody = s.named(
  'Verifier',
  s.object({
    id: s.id('ver'),
    name: s.text(),
    version: s.int({ min: 1 }),
    config: s.jsonObject().describe('`{provider, …}`, every member of it; docs/tasks/verifiers.md has each.'),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
  'What checks an answer before it counts.',
)
const VerifierIn = s.object({ name: s.line({ max: 200 }), config: s.jsonObject() })

const price = (of: string) => s.nullish(s.number({ min: 0, max: 1_000_000 }).describe(`US dollars for a million tokens ${of}.`))
const ProviderKeyBody = s.named(
  'ProviderKey',
  s.object({
    name: s.text(),
    provider: s.oneOf(...MODEL_PROVIDERS),
    has_key: s.boolean(),
    base_url: s.maybe(s.text()),
    model: s.maybe(s.text()),
    is_default: s.boolean(),
    input_price: s.maybe(s.number()),
    output_price: s.maybe(s.number()),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
)
const ProviderKeyIn = s.object({
  provider: s.oneOf(...MODEL_PROVIDERS),
  key: s.nullish(
    s.pattern(/^[\x21-\x7e]{1,1000}$/, 'Must be 1 to 1,000 visible ASCII characters.').describe('Never shown again.'),
  ),
  base_url: s.nullish(
    s.text({ min: 1, max: 2_048 }).describe('Where the key goes, and nowhere else; else the provider’s own address.'),
  ),
  model: s.nullish(s.line({ max: 200 }).describe('Where a verifier names none.')),
  is_default: s.optional(s.boolean()),
  input_price: price('that go in'),
  output_price: price('that come out'),
})

const FieldErrors = s.array(s.object({ path: s.text(), field: s.optional(s.text()), code: s.text(), message: s.text() }))
const TrialBody = s.named(
  'VerifierTrial',
  s.object({
    passed: s.maybe(s.boolean()).describe('Null: no verdict came.'),
    reason: s.maybe(s.text()),
    field_errors: FieldErrors,
    parsed_response: s.maybe(s.jsonObject()),
    unavailable: s.maybe(s.text()).describe('Why no verdict came.'),
    input_tokens: s.int({ min: 0 }),
    output_tokens: s.int({ min: 0 }),
    cost: s.maybe(s.number()),
  }),
)
const RunBody = s.named(
  'VerifierRun',
  s.object({
    id: s.id('vrn'),
    decision_id: s.id('dec'),
    position: s.int({ min: 0 }),
    provider: s.text(),
    model: s.maybe(s.text()),
    verifier_id: s.maybe(s.id('ver')),
    state: s.oneOf('waiting', 'passed', 'refused', 'accepted', 'returned', 'overridden', 'ended'),
    tries: s.int({ min: 0 }),
    fault: s.maybe(s.text()),
    input_tokens: s.int({ min: 0 }),
    output_tokens: s.int({ min: 0 }),
    cost: s.maybe(s.number()).describe('In US dollars, where the prices are known.'),
    reason: s.json().describe('What it said, as far as the caller may see it.'),
    started_at: s.time(),
    ended_at: s.maybe(s.time()),
  }),
)

export const verifierRoutes = (house: TasksHouse): Route[] => [...stored(house), ...keys(house), ...words(house)]

const stored = (house: TasksHouse): Route[] => [
  route(
    'GET /verifiers',
    {
      ...configure,
      summary: 'List stored verifiers, newest first',
      query: s.page(),
      answers: { 200: s.list(VerifierBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listVerifiers(house, scope, query),
  ),
  route(
    'POST /verifiers',
    {
      ...configure,
      summary: 'Store a verifier',
      stepUp: true,
      body: VerifierIn,
      answers: { 201: VerifierBody },
      problems: ['schema_invalid', 'verifier_not_configured'],
    },
    ({ scope, body }) => createVerifier(house, scope, body),
  ),
  route(
    'GET /verifiers/:id',
    { ...configure, summary: 'Read a stored verifier', params, answers: { 200: VerifierBody }, problems: ['not_found'] },
    ({ scope, params }) => getVerifier(house, scope, params.id),
  ),
  route(
    'PUT /verifiers/:id',
    {
      ...configure,
      summary: 'Change a stored verifier',
      description: 'Tasks that were asked before keep the verifier that they were made with.',
      stepUp: true,
      params,
      body: VerifierIn,
      answers: { 200: VerifierBody },
      problems: ['not_found', 'schema_invalid', 'verifier_not_configured'],
    },
    ({ scope, params, body }) => changeVerifier(house, scope, params.id, body),
  ),
  route(
    'DELETE /verifiers/:id',
    { ...configure, summary: 'Remove a stored verifier', stepUp: true, params, answers: { 204: null }, problems: ['not_found'] },
    ({ scope, params }) => deleteVerifier(house, scope, params.id),
  ),
  route(
    'POST /verifiers/:id/test',
    {
      ...configure,
      stepUp: true,
      summary: 'Try a verifier on one answer',
      description: 'Asks it once and stores nothing.',
      params,
      body: s.object({
        task: s.optional(s.text({ min: 1, max: 4_000 })),
        description: s.nullish(s.text({ max: 20_000 })),
        payload: s.nullish(s.jsonObject()),
        response: s.nullish(s.jsonObject()),
        raw_text: s.nullish(s.text({ max: 20_000 })),
      }),
      answers: { 200: TrialBody },
      problems: ['not_found', 'verifier_not_configured'],
      idempotency: 'none',
      cost: 10,
    },
    ({ scope, params, body, signal }) => tryVerifier(house, scope, params.id, body, signal),
  ),
]

const keys = (house: TasksHouse): Route[] => [
  route(
    'GET /provider-keys',
    { ...configure, summary: 'List the keys of model providers, without the keys', answers: { 200: s.list(ProviderKeyBody) } },
    ({ scope }) => listProviderKeys(house, scope),
  ),
  route(
    'PUT /provider-keys/:name',
    {
      ...configure,
      summary: 'Keep a key of a model provider under a name',
      description: 'It goes to the address that stands beside it and to no other. Clients that send `api_key_env` name it.',
      stepUp: true,
      params: named,
      body: ProviderKeyIn,
      answers: { 200: ProviderKeyBody },
      problems: ['url_invalid', 'url_not_allowed', 'state_conflict'],
    },
    ({ scope, params, body }) => putProviderKey(house, scope, params.name, body),
  ),
  route(
    'DELETE /provider-keys/:name',
    {
      ...configure,
      summary: 'Forget a key of a model provider',
      stepUp: true,
      params: named,
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => removeProviderKey(house, scope, params.name),
  ),
]

const withTag = (result: unknown) => ({ headers: { ETag: `"${(result as Task).version}"` }, body: result })

const words = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks/:id/verification',
    {
      summary: 'Say whether an answer can be used, as the agent that asked',
      description: 'While the answer lies with the asking agent: polls and streams then show it as `candidate`.',
      tag,
      auth: 'any',
      action: 'task.verify',
      params: taskId,
      body: s.object({
        passed: s.boolean(),
        reason: s.nullish(s.text({ max: 4_000 })),
        field_errors: s.nullish(
          s.array(
            s.object({
              path: s.text({ max: 500 }).describe('A JSON Pointer into the answer, such as `/amount`.'),
              message: s.text({ min: 1, max: 2_000 }),
              code: s.optional(s.text({ min: 1, max: 100 })),
            }),
            { max: 50 },
          ),
        ),
        decision_id: s.optional(s.id('dec').describe('Of the candidate; the word on another answer is refused.')),
      }),
      answers: { 200: TaskBody },
      problems: ['not_found', 'task_not_open', 'state_conflict'],
      render: withTag,
    },
    ({ scope, params, body }) => verifyByAgent(house, scope, params.id, body),
  ),
  route(
    'POST /tasks/:id/verification/override',
    {
      summary: 'Let an answer count that its verifier has not agreed to',
      tag,
      auth: 'any',
      action: 'task.override',
      params: taskId,
      body: s.object({ reason: s.text({ min: 1, max: 4_000 }) }),
      answers: { 200: TaskBody },
      problems: ['not_found', 'task_not_open', 'state_conflict', 'agent_may_not_decide'],
      render: withTag,
    },
    ({ scope, params, body }) => overrideVerification(house, scope, params.id, body.reason),
  ),
  route(
    'GET /tasks/:id/verification',
    {
      summary: 'List what the verifiers of a task did, and what it cost',
      tag,
      auth: 'any',
      action: 'task.read',
      params: taskId,
      answers: { 200: s.list(RunBody) },
      problems: ['not_found'],
    },
    ({ scope, params }) => listRuns(house, scope, params.id),
  ),
]
