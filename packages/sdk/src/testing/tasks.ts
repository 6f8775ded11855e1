// The tasks of the in-memory server: the same states, refusals and events as the real one has for a question to one human. It keeps
// everything in memory, knows one agent and one person, and stores nothing that outlives it.

import { canonicalJson } from '../canonical.ts'
import type { Clock } from '../clock.ts'
import { Problem } from '../problem.ts'
import type {
  CreateTask,
  DecideTask,
  Decision,
  JsonObject,
  PollResult,
  Task,
  TaskEvent,
  TaskStatus,
  UpdateTask,
  VerifyTask,
} from '../shapes.ts'
import { checkCreate } from './input.ts'
import { blankQuestion, checkAnswer, checkVerdict, denialOf, PERSON, type Question, shown } from './question.ts'

export type Tasks = ReturnType<typeof openTasks>

const FINAL: readonly TaskStatus[] = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']
const FINGERPRINT = ['task', 'payload', 'assign_to', 'risk'] as const
const NOBODY = { assigned_to_user_id: null, assigned_to_email: null, assigned_to_display_name: null, claimed_at: null }
const OUTCOMES = { accept: 'accepted', edit: 'edited', respond: 'responded', ignore: 'ignored', deny: 'denied' } as const
/** What a verifier allows when nothing is said. */
const ATTEMPTS = 3
type Escalation = Extract<Question['on_timeout'], { escalate: object }>['escalate']
export const isFinal = (task: Pick<Task, 'status'>) => FINAL.includes(task.status)

export function openTasks(clock: Clock, url: string, onOpen: (task: Task) => void) {
  const all: Question[] = []
  const events: TaskEvent[] = []
  const listeners = new Set<() => void>()
  let lastId = 0
  const now = () => clock.now().toISOString()
  const newId = (prefix: string) => `${prefix}_${(++lastId).toString().padStart(26, '0')}`

  function find(id: string): Question {
    const question = all.find((each) => each.id === id)
    if (!question) throw new Problem('not_found')
    return question
  }

  function findOpen(id: string): Question {
    const question = find(id)
    if (isFinal(question)) throw notOpen(question)
    return question
  }

  function change(question: Question, members: Partial<Task>, type: string): Task {
    const from = question.status
    Object.assign(question, members, { version: question.version + 1, updated_at: now() })
    if (isFinal(question)) question.stopDeadline()
    tell(question, type, from)
    return shown(question)
  }

  function tell({ id, status }: Question, type: string, from: TaskStatus | null): void {
    events.push({ id: newId('evt'), type, occurred_at: now(), task_id: id, data: { from, to: status } })
    for (const listener of [...listeners]) listener()
  }

  function expire(question: Question): void {
    const { on_timeout } = question
    const complete = (outcome: 'denied' | 'defaulted', response: JsonObject | null) =>
      change(
        question,
        { status: 'completed', outcome, response, completed_at: now(), completed_via_channel: 'timeout' },
        'task.completed',
      )
    if (on_timeout === 'deny') complete('denied', question.action ? { type: 'deny' } : denialOf(question))
    else if (typeof on_timeout === 'object' && 'escalate' in on_timeout) escalate(question, on_timeout.escalate)
    else if (typeof on_timeout === 'object') complete('defaulted', on_timeout.default as JsonObject)
    else change(question, { status: 'timed_out', timed_out_at: now() }, 'task.timed_out')
  }

  /** Others would be asked; here it is always the same person, for longer. */
  function escalate(question: Question, { extra_seconds, then }: Escalation): void {
    const deadline_at = new Date(clock.now().getTime() + extra_seconds * 1000).toISOString()
    question.on_timeout = then
    change(question, { deadline_at, escalation_level: question.escalation_level + 1 }, 'task.escalated')
    watchDeadline(question)
  }

  function watchDeadline(question: Question): void {
    question.stopDeadline()
    question.stopDeadline = clock.timer(Date.parse(question.deadline_at) - clock.now().getTime(), () => expire(question))
  }

  function create(body: unknown): { task: Task; replayed: boolean } {
    const input = checkCreate(body, clock.now())
    const fingerprint = canonicalJson(FINGERPRINT.map((name) => input[name] ?? null))
    const first = input.idempotency_key && all.find((each) => each.idempotency_key === input.idempotency_key && !isFree(each))
    if (first) {
      const differs = differing(first.fingerprint, fingerprint)
      if (differs.length > 0) throw new Problem('idempotency_mismatch', { task_id: first.id, differs })
      return { task: shown(first), replayed: true }
    }
    const id = newId('task')
    const question = blankQuestion(input, { id, url: `${url}/tasks/${id}`, now: clock.now(), fingerprint })
    all.push(question)
    watchDeadline(question)
    tell(question, 'task.created', null)
    onOpen(shown(question))
    return { task: shown(question), replayed: false }
  }

  function update(id: string, body: UpdateTask): Task {
    const question = findOpen(id)
    if (body.deadline_at && Date.parse(body.deadline_at) < Date.parse(question.deadline_at)) {
      const errors = [{ path: '/deadline_at', code: 'shortened', message: 'A deadline is never shortened.' }]
      throw new Problem('validation_failed', { errors })
    }
    const changed = change(question, body as Partial<Task>, 'task.updated')
    watchDeadline(question)
    return changed
  }

  function decide(id: string, body: DecideTask): Task {
    const question = findOpen(id)
    if (body.seen_revision !== question.revision)
      throw new Problem('task_revised', { revision: question.revision, changed: ['/payload'] })
    if (question.status === 'verifying') throw new Problem('task_verifying', { status: question.status })
    const response = question.action ? checkVerdict(question, body) : checkAnswer(question, body.response)
    const decision = decisionOf(question, body, response)
    if (!question.verifier_config) return complete(question, decision)
    const decisions = [...question.decisions, { ...decision, state: 'pending' as const }]
    return change(question, { status: 'verifying', verifying_at: now(), decisions }, 'task.verifying')
  }

  /** The word of the agent that asked on the answer that lies with it. */
  function verify(id: string, word: VerifyTask): Task {
    const question = find(id)
    const decision = candidateOf(question)
    if (!decision || (word.decision_id !== undefined && word.decision_id !== decision.id)) throw new Problem('state_conflict')
    const others = question.decisions.filter((each) => each !== decision)
    const { passed, reason = null, field_errors = [] } = word
    const result = { verifier_result: { passed, reason, field_errors: field_errors ?? [], parsed_response: null } as JsonObject }
    if (passed) return complete(question, { ...decision, state: 'counted' }, { ...result, decisions: others })
    const verification_attempt = question.verification_attempt + 1
    const decisions = [...others, { ...decision, state: 'returned' as const }]
    const members = { ...result, verification_attempt, decisions }
    if (verification_attempt >= ATTEMPTS)
      return change(
        question,
        { ...members, status: 'verification_exhausted', verification_exhausted_at: now() },
        'task.verification_exhausted',
      )
    const returned = change(question, { ...members, status: 'returned', returned_at: now() }, 'task.returned')
    onOpen(returned)
    return returned
  }

  function complete(question: Question, decision: Decision, members: Partial<Task> = {}): Task {
    const { response } = decision
    const by = { completed_by_user_id: PERSON.id, completed_by_email: PERSON.email, completed_by_display_name: PERSON.name }
    const settled: Partial<Task> = {
      status: 'completed',
      outcome: question.action ? OUTCOMES[decision.type] : 'answered',
      response,
      completed_at: now(),
      completed_via_channel: 'api',
    }
    const decisions = [...(members.decisions ?? []), decision]
    return change(question, { ...settled, ...by, ...members, decisions }, 'task.completed')
  }

  const decisionOf = ({ id }: Question, body: DecideTask, response: JsonObject): Decision => ({
    id: newId('dec'),
    task_id: id,
    user_id: PERSON.id,
    display_name: PERSON.name,
    email: PERSON.email,
    type: body.type,
    response,
    args: (body.args as JsonObject | null | undefined) ?? null,
    patch: null,
    group: null,
    remembered_until: null,
    reason: body.reason ?? null,
    comment: body.comment ?? null,
    raw_text: body.raw_text ?? null,
    seen_revision: body.seen_revision,
    state: 'counted',
    stepped_in: false,
    channel: 'api',
    assurance: 'link',
    attested_by: null,
    decided_at: now(),
    decision_sha256: '0'.repeat(64),
  })

  return {
    events,
    all: (): Task[] => all.map(shown),
    get: (id: string): Task => shown(find(id)),
    /** Calls back at every change; gives back how to stop. */
    listen(fn: () => void): () => void {
      listeners.add(fn)
      return () => listeners.delete(fn)
    },
    create,
    update,
    decide,
    verify,
    claim(id: string): Task {
      const holder = { assigned_to_user_id: PERSON.id, assigned_to_email: PERSON.email, assigned_to_display_name: PERSON.name }
      return change(findOpen(id), { ...holder, claimed_at: now() }, 'task.claimed')
    },
    release: (id: string): Task => change(findOpen(id), NOBODY, 'task.released'),
    cancel: (id: string, reason: string | null): Task =>
      change(findOpen(id), { status: 'cancelled', cancelled_at: now(), cancel_reason: reason }, 'task.cancelled'),
    /** What a poll says; an answer that the asking agent has read is collected (T24). */
    result(id: string, reader: { type: string }): PollResult {
      const question = find(id)
      if (isFinal(question) && reader.type === 'agent') question.collected_at ??= now()
      const { status, version, revision, outcome, response, cancel_reason, verification_attempt } = question
      const { completed_at, timed_out_at, cancelled_at } = question
      return {
        id,
        status,
        version,
        revision,
        outcome,
        response,
        cancel_reason,
        completed_at,
        timed_out_at,
        cancelled_at,
        verification_attempt,
        candidate: reader.type === 'agent' ? spokenCandidate(question) : null,
      }
    },
  }
}

const candidateOf = (question: Question): Decision | undefined =>
  question.status === 'verifying' ? question.decisions.find(({ state }) => state === 'pending') : undefined

function spokenCandidate(question: Question): PollResult['candidate'] {
  const decision = candidateOf(question)
  return decision ? { decision_id: decision.id, response: decision.response, attempt: question.verification_attempt + 1 } : null
}

const isFree = ({ key_reuse, collected_at }: Question) => key_reuse === 'until_collected' && collected_at !== null

function differing(first: string, second: string): CreateMember[] {
  const [before, after] = [first, second].map((text) => (JSON.parse(text) as unknown[]).map(canonicalJson)) as [
    string[],
    string[],
  ]
  return FINGERPRINT.filter((_name, i) => before[i] !== after[i])
}

type CreateMember = keyof CreateTask

const notOpen = (question: Question) => {
  const settledAt = question.completed_at ?? question.timed_out_at ?? question.cancelled_at
  return new Problem('task_not_open', { status: question.status, settled_at: settledAt, by: question.completed_by_display_name })
}
