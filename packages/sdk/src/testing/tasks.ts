// The tasks of the in-memory server: the same states, refusals and events as the real one has for a question to one human. It keeps
// everything in memory, knows one agent and one person, and stores nothing that outlives it.

import { canonicalJson } from '../canonical.ts'
import type { Clock } from '../clock.ts'
import { type FieldError, Problem } from '../problem.ts'
import { checkJsonSchema } from '../schema/check.ts'
import type {
  CreateTask,
  DecideTask,
  EventRecord,
  JsonObject,
  OnTimeout,
  PollResult,
  Task,
  TaskStatus,
  UpdateTask,
  Verdict,
} from '../wire.ts'
import { checkCreate } from './input.ts'

export const AGENT = { type: 'agent', id: 'agt_00000000000000000000000001' } as const
export const PERSON = {
  type: 'user',
  id: 'usr_00000000000000000000000001',
  email: 'person@example.com',
  name: 'A person',
} as const
export const TENANT = 'ten_00000000000000000000000001'

export type Tasks = ReturnType<typeof openTasks>
type Kept = Task & { fingerprint: string; stopDeadline: () => void }

const FINAL: readonly TaskStatus[] = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']
const FINGERPRINT = ['task', 'payload', 'assign_to', 'risk'] as const
export const isFinal = (task: Pick<Task, 'status'>) => FINAL.includes(task.status)

export function openTasks(clock: Clock, onOpen: (task: Task) => void) {
  const all: Kept[] = []
  const events: EventRecord[] = []
  const listeners = new Set<() => void>()
  let lastId = 0
  const now = () => clock.now().toISOString()
  const newId = (prefix: string) => `${prefix}_${(++lastId).toString().padStart(26, '0')}`

  function find(id: string): Kept {
    const task = all.find((each) => each.id === id)
    if (!task) throw new Problem('not_found')
    return task
  }

  function change(task: Kept, members: Partial<Task>, type: string, actor: { type: string; id: string }): Task {
    const from = task.status
    Object.assign(task, members, { version: task.version + 1, updated_at: now() })
    if (isFinal(task)) task.stopDeadline()
    tell(task, type, actor, from)
    return shown(task)
  }

  function tell(task: Kept, type: string, { type: kind, id }: { type: string; id: string }, from: TaskStatus | null) {
    const data = { task_id: task.id, from, to: task.status, version: task.version }
    const resource = { type: 'task', id: task.id }
    events.push({
      id: newId('evt'),
      type,
      class: 'activity',
      occurred_at: now(),
      tenant_id: TENANT,
      actor: { type: kind, id },
      resource,
      data,
    })
    for (const listener of [...listeners]) listener()
  }

  function expire(task: Kept): void {
    const actor = { type: 'system', id: 'system:expire' }
    const settled = { completed_at: now(), completed_via_channel: 'timeout' }
    if (task.on_timeout === 'time_out') change(task, { status: 'timed_out', timed_out_at: now() }, 'task.timed_out', actor)
    else if (task.on_timeout === 'deny')
      change(
        task,
        { ...settled, status: 'completed', outcome: 'denied', response: denial(task.verdict) },
        'task.completed',
        actor,
      )
    else
      change(
        task,
        { ...settled, status: 'completed', outcome: 'defaulted', response: task.on_timeout.default },
        'task.completed',
        actor,
      )
  }

  const watchDeadline = (task: Kept) => {
    task.stopDeadline()
    task.stopDeadline = clock.timer(Date.parse(task.deadline_at) - clock.now().getTime(), () => expire(task))
  }

  function open(body: CreateTask): Kept {
    const created = now()
    const deadline = body.deadline_at ?? new Date(clock.now().getTime() + (body.timeout_seconds as number) * 1000).toISOString()
    const task: Kept = {
      ...BLANK,
      ...body,
      id: newId('task'),
      agent_id: AGENT.id,
      created_by: AGENT.id,
      key_reuse: body.key_reuse ?? 'forever',
      payload: (body.payload ?? null) as JsonObject | null,
      initial_response: (body.initial_response ?? null) as JsonObject | null,
      verdict: body.verdict ?? inferVerdict(body.response_schema),
      assign_to: (body.assign_to ?? null) as Task['assign_to'],
      timeout_seconds: body.timeout_seconds ?? Math.round((Date.parse(deadline) - clock.now().getTime()) / 1000),
      deadline_at: deadline,
      created_at: created,
      updated_at: created,
      opened_at: created,
      decisions: [],
      fingerprint: '',
      stopDeadline: () => undefined,
    }
    checkOutcomeOfDeadline(task, body.on_timeout ?? 'time_out')
    return task
  }

  return {
    events,
    all: (): Task[] => all.map(shown),
    get: (id: string): Task => shown(find(id)),
    /** Calls back at every change; gives back how to stop. */
    listen(fn: () => void): () => void {
      listeners.add(fn)
      return () => listeners.delete(fn)
    },
    create(body: unknown): { task: Task; replayed: boolean } {
      const input = checkCreate(body, clock.now())
      const free = (task: Kept) => task.key_reuse === 'until_collected' && task.collected_at !== null
      const first = input.idempotency_key && all.find((task) => task.idempotency_key === input.idempotency_key && !free(task))
      const fingerprint = canonicalJson(FINGERPRINT.map((name) => input[name] ?? null))
      if (first) {
        const before = JSON.parse(first.fingerprint) as unknown[]
        const after = JSON.parse(fingerprint) as unknown[]
        const differs = FINGERPRINT.filter((_, i) => canonicalJson(before[i]) !== canonicalJson(after[i]))
        if (differs.length > 0) throw new Problem('idempotency_mismatch', { task_id: first.id, differs: [...differs] })
        return { task: shown(first), replayed: true }
      }
      const task = Object.assign(open(input), { fingerprint })
      all.push(task)
      watchDeadline(task)
      tell(task, 'task.created', AGENT, null)
      onOpen(shown(task))
      return { task: shown(task), replayed: false }
    },
    update(id: string, body: UpdateTask): Task {
      const task = find(id)
      if (body.deadline_at && Date.parse(body.deadline_at) < Date.parse(task.deadline_at))
        throw invalid('/deadline_at', 'A deadline is never shortened.')
      if (isFinal(task)) throw notOpen(task)
      const changed = change(task, body, 'task.updated', AGENT)
      watchDeadline(task)
      return changed
    },
    decide(id: string, body: DecideTask): Task {
      const task = find(id)
      if (isFinal(task)) throw notOpen(task)
      if (body.seen_revision !== task.revision) throw new Problem('task_revised', { revision: task.revision, changed: [] })
      const response = body.type === 'deny' ? denialOf(task) : answerOf(task, body.response)
      const decision = {
        id: newId('dec'),
        type: body.type,
        state: 'counted' as const,
        response,
        reason: body.reason ?? null,
        revision: task.revision,
        user_id: PERSON.id,
        display_name: PERSON.name,
        channel: 'api',
        created_at: now(),
      }
      const settled: Partial<Task> = {
        status: 'completed',
        outcome: body.type === 'deny' ? 'denied' : 'answered',
        response,
        completed_at: now(),
        decisions: [...task.decisions, decision],
        completed_by_user_id: PERSON.id,
        completed_by_email: PERSON.email,
        completed_by_display_name: PERSON.name,
        completed_via_channel: 'api',
      }
      return change(task, settled, 'task.completed', PERSON)
    },
    claim(id: string): Task {
      const task = find(id)
      if (isFinal(task)) throw notOpen(task)
      const holder = { assigned_to_user_id: PERSON.id, assigned_to_email: PERSON.email, assigned_to_display_name: PERSON.name }
      return change(task, { ...holder, claimed_at: now() }, 'task.claimed', PERSON)
    },
    release(id: string): Task {
      const task = find(id)
      if (isFinal(task)) throw notOpen(task)
      const holder = { assigned_to_user_id: null, assigned_to_email: null, assigned_to_display_name: null }
      return change(task, { ...holder, claimed_at: null }, 'task.released', PERSON)
    },
    cancel(id: string, actor: { type: string; id: string }): Task {
      const task = find(id)
      if (isFinal(task)) throw notOpen(task)
      return change(task, { status: 'cancelled', cancelled_at: now() }, 'task.cancelled', actor)
    },
    /** What a poll says; an answer that the asking agent has read is collected (T24). */
    result(id: string, reader: { type: string }): PollResult {
      const task = find(id)
      if (isFinal(task) && reader.type === 'agent') task.collected_at ??= now()
      const { status, version, revision, outcome, response, completed_at, timed_out_at, cancelled_at, verification_attempt } =
        task
      return { id, status, version, revision, outcome, response, completed_at, timed_out_at, cancelled_at, verification_attempt }
    },
  }
}

const BLANK = {
  version: 1,
  revision: 1,
  origin: 'agent',
  on_behalf_of: null,
  idempotency_key: null,
  description: null,
  payload_schema: null,
  response_schema: null,
  form_definition: null,
  status: 'open',
  outcome: null,
  response: null,
  on_timeout: 'time_out',
  notify: null,
  priority: 'normal',
  tags: [] as string[],
  metadata: {},
  risk: 'normal',
  redact: 'none',
  callback_url: null,
  callback_mode: 'standard',
  assigned_to_user_id: null,
  assigned_to_email: null,
  assigned_to_display_name: null,
  completed_by_user_id: null,
  completed_by_email: null,
  completed_by_display_name: null,
  completed_via_channel: null,
  verification_attempt: 0,
  claimed_at: null,
  completed_at: null,
  timed_out_at: null,
  cancelled_at: null,
  collected_at: null,
} as const

function shown({ fingerprint: _fingerprint, stopDeadline: _stop, ...task }: Kept): Task {
  return structuredClone(task)
}

const notOpen = (task: Task) =>
  new Problem('task_not_open', {
    status: task.status,
    settled_at: task.completed_at ?? task.timed_out_at ?? task.cancelled_at,
    by: task.completed_by_display_name,
  })

const invalid = (path: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code: 'invalid', message }] })

const below = (path: string, errors: FieldError[]) => errors.map((error) => ({ ...error, path: `${path}${error.path}` }))

function answerOf(task: Task, response: unknown): JsonObject {
  const errors = task.response_schema ? checkJsonSchema(task.response_schema, response) : []
  if (errors.length > 0) throw new Problem('response_invalid', { errors: below('/response', errors) })
  return response as JsonObject // an object, for the schema describes one
}

/** A typed question is denied by the answer that says no, where there is one. */
function denialOf(task: Task): JsonObject | null {
  const response = denial(task.verdict)
  return response && task.response_schema && checkJsonSchema(task.response_schema, response).length === 0 ? response : null
}

function checkOutcomeOfDeadline(task: Task, onTimeout: OnTimeout): void {
  if (onTimeout === 'deny' && !denialOf(task))
    throw new Problem('deny_response_required', {
      errors: [{ path: '/on_timeout', code: 'no_denial', message: 'No answer that fits the schema says no.' }],
    })
  if (typeof onTimeout !== 'object') return
  const errors = task.response_schema ? checkJsonSchema(task.response_schema, onTimeout.default) : []
  if (errors.length > 0) throw new Problem('response_invalid', { errors: below('/on_timeout/default', errors) })
}

function denial(verdict: Verdict | null): JsonObject | null {
  const name = verdict?.pointer.slice(1)
  return verdict && name && !name.includes('/') && verdict.deny.length > 0
    ? { [name]: verdict.deny[0] as JsonObject[string] }
    : null
}

/** Inferred when the schema has exactly one required switch. */
function inferVerdict(schema: CreateTask['response_schema']): Verdict | null {
  const properties = (schema?.properties ?? {}) as Record<string, { type?: unknown }>
  const switches = ((schema?.required ?? []) as string[]).filter((name) => properties[name]?.type === 'boolean')
  return switches.length === 1 ? { pointer: `/${switches[0]}`, approve: [true], deny: [false] } : null
}
