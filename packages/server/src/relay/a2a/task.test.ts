import { Message as MessageCodec, Role, Task as TaskCodec, TaskState } from '@a2a-js/sdk'
import { expect, test } from 'vitest'
import { readJson, writeJson } from '../../http/json.ts'
import type { Artifact, Message, Part, Thread, ThreadEvent } from '../model.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { partFromWire, partToSdk } from './parts.ts'
import { artifactUpdateOf, directAnswerOf, directMessageOf, statusUpdateOf, taskOf } from './task.ts'

const THREAD: Thread = {
  id: 'thr_01KE0000000000000000000000',
  agent: 'quotes',
  card_version: 3,
  relay_grant_id: 'rgr_01KE0000000000000000000000',
  context_id: 'order 7'.replace(' ', '-'),
  state: 'responded',
  outcome: null,
  reason: 'responded',
  turn: 'caller',
  sequence: 9,
  skill: null,
  operation_id: null,
  reference_thread_ids: [],
  caller: { tenant_id: null, agent_id: null, label: 'buyer' },
  callee: { tenant_id: 'ten_01JD8Z6V3QK8W2N4T6Y8B0C2E4', agent: 'ada' },
  ...{ live: false, answered_at: null, duration_ms: null },
  approval: null,
  error: null,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:09.000Z',
  expires_at: null,
  ended_at: null,
}

const said = (sequence: number, side: Message['side'], more: Partial<Message> = {}): Message => ({
  id: `msg_${sequence}`,
  thread_id: THREAD.id,
  sequence,
  side,
  kind: 'message',
  outcome: side === 'owner' ? 'reply' : null,
  parts: [{ text: `${side} ${sequence}` }],
  skill: null,
  client_message_id: side === 'caller' ? 'same-id' : null,
  operation_id: null,
  reference_thread_ids: [],
  payload_hash: `sha256:${sequence}`,
  payload_state: 'present',
  state: 'delivered',
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  ...more,
})

const shown = (...args: Parameters<typeof taskOf>) => TaskCodec.toJSON(taskOf(...args)) as Record<string, never>
const texts = (messages: { parts: { text: string }[] }[] = []) => messages.map((one) => one.parts[0]?.text)

const TALK = [
  said(2, 'caller'),
  said(4, 'owner', { kind: 'progress', outcome: 'progress' }),
  said(5, 'owner'),
  said(7, 'caller'),
  said(9, 'owner'),
]

test('R92 the status has the newest message of the owner’s turn; the history has all others in their order', () => {
  const task = shown({ thread: THREAD, messages: TALK.toReversed(), artifacts: [] }) as never as {
    status: { message: { parts: { text: string }[]; role: string }; timestamp: string; state: string }
    history: { parts: { text: string }[]; role: string; messageId: string }[]
  }
  expect(texts([task.status.message])).toEqual(['owner 9'])
  expect(task.status).toMatchObject({
    state: 'TASK_STATE_INPUT_REQUIRED',
    timestamp: THREAD.updated_at,
    message: { role: 'ROLE_AGENT' },
  })
  expect(texts(task.history)).toEqual(['caller 2', 'owner 4', 'owner 5', 'caller 7'])
  expect(task.history.map((one) => one.role)).toEqual(['ROLE_USER', 'ROLE_AGENT', 'ROLE_AGENT', 'ROLE_USER'])
})

test('R92 once the caller has spoken, the status holds no message and the history holds them all', () => {
  const task = taskOf({ thread: { ...THREAD, state: 'queued', turn: 'owner' }, messages: TALK.slice(0, 4), artifacts: [] })
  expect(task.status?.message).toBeUndefined()
  expect(task.history).toHaveLength(4)
})

test('R92 a caller’s message keeps its id, its extensions and its metadata but for our own key; equal ids are two messages', () => {
  const metadata = { colour: 'blue', [RELAY_EXTENSION]: { extensions: ['urn:x'] } }
  const { history } = taskOf({
    thread: { ...THREAD, state: 'queued' },
    messages: [said(2, 'caller', { metadata }), said(3, 'caller')],
    artifacts: [],
  })
  expect(history.map((one) => one.messageId)).toEqual(['same-id', 'same-id'])
  expect(history[0]).toMatchObject({ metadata: { colour: 'blue' }, extensions: ['urn:x'] })
})

test.each([
  [undefined, 100],
  [0, 0],
  [1, 1],
  [7, 7],
  [5_000, 100],
])('R92 a history length of %s shows %i of 121 messages, the newest', (historyLength, count) => {
  const messages = Array.from({ length: 121 }, (_, i) => said(i + 1, 'caller'))
  const task = shown({ thread: { ...THREAD, state: 'queued' }, messages, artifacts: [] }, { historyLength })
  if (count === 0) expect(task).not.toHaveProperty('history')
  else expect(texts(task.history).at(-1)).toBe('caller 121')
  expect(texts(task.history)).toHaveLength(count)
})

test('R80 R92 what is held back or was refused is never shown', () => {
  const task = taskOf({
    thread: { ...THREAD, state: 'waiting_owner', reason: 'reply_held' },
    messages: [said(2, 'caller'), said(4, 'owner', { state: 'held' }), said(5, 'owner', { state: 'refused' })],
    artifacts: [],
  })
  expect(task.status?.message).toBeUndefined()
  expect(task.history).toHaveLength(1)
})

test('R91 an approval is told in words, with the URL, by the side that is asked, under an id that is equal for every reader', () => {
  const approval = {
    task_id: 'task_1',
    side: 'owner' as const,
    url: 'https://relay.example/t/1',
    expires_at: '2026-01-02T00:00:00.000Z',
  }
  const view = {
    thread: { ...THREAD, state: 'awaiting_approval' as const, reason: null, approval },
    messages: [said(2, 'caller', { state: 'held' })],
    artifacts: [],
  }
  const { status, metadata } = taskOf(view)
  expect(status).toMatchObject({
    state: TaskState.TASK_STATE_AUTH_REQUIRED,
    message: { messageId: 'task_1', role: Role.ROLE_AGENT },
  })
  const words = JSON.stringify(status?.message)
  for (const one of ['agent’s'.replace('’', "'"), approval.url, approval.expires_at]) expect(words).toContain(one)
  expect(metadata?.[RELAY_EXTENSION]).toMatchObject({ approval })
})

test('R88 the task says its thread, its sequence, its reason and the hash of its newest message', () => {
  const { metadata } = taskOf({ thread: THREAD, messages: TALK, artifacts: [] })
  expect(metadata).toEqual({
    [RELAY_EXTENSION]: { thread_id: THREAD.id, sequence: 9, reason: 'responded', payload_hash: 'sha256:9' },
  })
})

test('R94 only a blocking answer says that the wait was over first', () => {
  expect(JSON.stringify(taskOf({ thread: THREAD, messages: TALK, artifacts: [] }))).not.toContain('wait_limit_reached')
  const { metadata } = taskOf({ thread: THREAD, messages: TALK, artifacts: [] }, { waitLimitReached: true })
  expect(metadata?.[RELAY_EXTENSION]).toMatchObject({ wait_limit_reached: true })
})

test('a failure without a message says its error in the status', () => {
  const thread: Thread = {
    ...THREAD,
    state: 'failed',
    reason: 'agent_error',
    error: { code: 'no_stock', message: 'Nothing is left.' },
  }
  expect(
    texts(
      [shown({ thread, messages: [said(2, 'caller')], artifacts: [] }).status as never].map(
        (one: { message: never }) => one.message,
      ),
    ),
  ).toEqual(['Nothing is left.'])
})

const ARTIFACT: Artifact = {
  artifact_id: 'quote',
  name: 'Quote',
  description: null,
  parts: [{ text: 'a' }, { data: { total: 7 } }],
  is_complete: true,
  sequence: 5,
}

test('R92 R99 artifacts are shown, or left out with their member', () => {
  const view = { thread: THREAD, messages: TALK, artifacts: [ARTIFACT] }
  expect(shown(view).artifacts).toEqual([{ artifactId: 'quote', name: 'Quote', parts: [{ text: 'a' }, { data: { total: 7 } }] }])
  expect(shown(view, { artifacts: false })).not.toHaveProperty('artifacts')
})

test('R108 expired payloads leave an ended state without parts', () => {
  const gone = TALK.map(({ parts: _parts, ...one }) => ({ ...one, payload_state: 'expired' as const }))
  const task = taskOf({ thread: { ...THREAD, state: 'closed', outcome: 'completed' }, messages: gone, artifacts: [] })
  expect(JSON.stringify(task)).not.toMatch(/caller \d|owner \d/)
})

test('R93 a thread that ended with a message answers with it, and its metadata names the thread', () => {
  const last = said(3, 'owner', { outcome: 'message' })
  const closed: Thread = { ...THREAD, state: 'closed', outcome: 'completed', reason: 'completed' }
  expect(directAnswerOf({ thread: closed, messages: [said(2, 'caller'), last] })).toBe(last)
  expect(directAnswerOf({ thread: closed, messages: [said(2, 'caller'), said(3, 'owner', { outcome: 'completed' })] })).toBeNull()
  const message = MessageCodec.toJSON(directMessageOf(closed, last))
  expect(message).toEqual({
    messageId: 'msg_3',
    contextId: THREAD.context_id,
    role: 'ROLE_AGENT',
    parts: [{ text: 'owner 3' }],
    metadata: { [RELAY_EXTENSION]: { thread_id: THREAD.id, sequence: 3, payload_hash: 'sha256:3' } },
  })
})

const event = (sequence: number, type: string, data = {}): ThreadEvent => ({
  id: `evt_${sequence}`,
  sequence,
  type,
  at: '2026-01-01T00:00:05.000Z',
  actor: { type: 'agent', id: 'agt_1' },
  data,
})

test('R88 R97 a frame says the state that was entered then, its own sequence and the one before', () => {
  const entered = { state: 'waiting_owner' as const, outcome: null, reason: 'progress' as const, approval: null, error: null }
  const frame = statusUpdateOf(THREAD, event(6, 'thread.waiting_owner', { decision_id: 'dec_1' }), entered, said(5, 'owner'), {
    previous: 4,
  })
  expect(frame).toMatchObject({
    taskId: THREAD.id,
    contextId: THREAD.context_id,
    status: { state: TaskState.TASK_STATE_WORKING, timestamp: '2026-01-01T00:00:05.000Z' },
  })
  expect(frame.metadata).toEqual({
    [RELAY_EXTENSION]: {
      thread_id: THREAD.id,
      sequence: 6,
      previous_sequence: 4,
      reason: 'progress',
      decision_id: 'dec_1',
      payload_hash: 'sha256:5',
    },
  })
})

test('R92 a piece of an artifact is its own frame, appended or last as it was given', () => {
  const piece = said(8, 'owner', {
    kind: 'artifact',
    artifact_id: 'quote',
    name: 'Quote',
    append: true,
    last_chunk: true,
    parts: [{ text: 'b' }],
  })
  expect(artifactUpdateOf(THREAD, event(8, 'artifact.updated'), piece, { previous: 6 })).toMatchObject({
    append: true,
    lastChunk: true,
    artifact: { artifactId: 'quote', name: 'Quote', parts: [{ content: { $case: 'text', value: 'b' } }] },
    metadata: { [RELAY_EXTENSION]: { sequence: 8, previous_sequence: 6, payload_hash: 'sha256:8' } },
  })
})

const WIRE: [string, Record<string, unknown>, Part][] = [
  [
    'text',
    { text: '', mediaType: 'text/markdown', filename: 'a.md' },
    { text: '', media_type: 'text/markdown', filename: 'a.md' },
  ],
  ['data', { data: { n: [1, null] }, metadata: { k: 'v' } }, { data: { n: [1, null] }, metadata: { k: 'v' } }],
  ['null as data', { data: null }, { data: null }],
  ['raw', { raw: '/+8=', media_type: 'image/png' }, { raw: '/+8=', media_type: 'image/png' }],
  ['raw in the other alphabet, without padding', { raw: '_-8' }, { raw: '/+8=' }],
  ['a URL', { url: 'https://files.example/a' }, { url: 'https://files.example/a' }],
]

test.each(WIRE)('R33 a part of %s comes in and goes out with the same content', (_name, wire, part) => {
  expect(partFromWire(wire)).toEqual(part)
  const messages = [said(2, 'caller', { parts: [part] })]
  const task = shown({ thread: { ...THREAD, state: 'queued' }, messages, artifacts: [] }) as unknown as {
    history: { parts: unknown[] }[]
  }
  const [shownPart] = task.history[0]?.parts ?? []
  const { media_type: mediaType, ...rest } = part
  expect(shownPart).toEqual({ ...rest, ...(mediaType ? { mediaType } : {}) })
})

test('R33 digits of a data part are never rounded', () => {
  const part = partFromWire(readJson('{"data":{"n":9007199254740993}}') as Record<string, unknown>)
  expect(writeJson(partToSdk(part).content)).toContain('9007199254740993')
})
