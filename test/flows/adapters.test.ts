// The frameworks themselves, against a real server: a question in a graph, a tool that a person countersigns, a run that was stored in between.
import { Annotation, END, MemorySaver, START, StateGraph } from '@langchain/langgraph'
import { Agent, tool as agentTool, Runner, RunState } from '@openai/agents'
import { generateText, stepCountIs, tool } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { type House, setup } from '#harness'
import { answerApprovals, withApproval } from '../../packages/sdk/src/adapters/ai.ts'
import { awaitHuman, pendingQuestions, resumeWhenAnswered, resumeWith } from '../../packages/sdk/src/adapters/langgraph.ts'
import { withApproval as countersigned, settleInterruptions } from '../../packages/sdk/src/adapters/openai-agents.ts'
import { Countersign } from '../../packages/sdk/src/index.ts'

const at = (id: string, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const Answer = z.object({ ok: z.boolean() })

const clientOf = (house: House) => new Countersign({ url: house.url, key: house.agent.key })
const tasksOf = async (house: House) =>
  (await house.alice.get('/api/v1/tasks?sort=created')).body.data as { id: string; task: string; status: string }[]
const respond = async (house: House, id: string, ok: boolean) =>
  expect((await house.alice.post(at(id, 'decide'), { type: 'respond', response: { ok }, seen_revision: 1 })).status).toBe(200)

const State = Annotation.Root({
  answers: Annotation<string[]>({ reducer: (before, now) => [...before, ...now], default: () => [] }),
  rounds: Annotation<number>({ reducer: (_, now) => now, default: () => 0 }),
})

function graphOf(house: House, nodes: Record<string, string[]>, options: { rounds?: number } = {}) {
  const client = clientOf(house)
  const builder = new StateGraph(State) as unknown as StateGraph<
    typeof State,
    typeof State.State,
    Partial<typeof State.State>,
    string
  >
  for (const [name, questions] of Object.entries(nodes)) {
    builder.addNode(name, async (state: typeof State.State, config: object) => {
      const answers: string[] = []
      for (const task of questions) {
        const { ok } = await awaitHuman({ client, task, response: Answer, timeout: '1h' }, config)
        answers.push(`${task} ${ok}`)
      }
      return { answers, rounds: state.rounds + 1 }
    })
    builder.addEdge(START, name)
    if (options.rounds)
      builder.addConditionalEdges(name, (state: typeof State.State) => (state.rounds < (options.rounds as number) ? name : END))
    else builder.addEdge(name, END)
  }
  return builder.compile({ checkpointer: new MemorySaver() })
}

const thread = (id: string) => ({ configurable: { thread_id: id } })

test('T142 a node asks, the graph stops, and it is resumed by the id of the interrupt; equal questions of two threads are two tasks', async () => {
  const house = await setup()
  const client = clientOf(house)
  const graph = graphOf(house, { review: ['Publish it?'] })
  for (const id of ['one', 'two']) await graph.invoke({}, thread(id))
  const [first, second] = await tasksOf(house)
  expect([first?.task, second?.task, first?.id === second?.id]).toEqual(['Publish it?', 'Publish it?', false])
  const [waiting] = await pendingQuestions(graph, 'one')
  const mine = waiting?.taskId as string
  // Run again by whoever does not know that it waits: no second question.
  await graph.invoke(null as never, thread('one'))
  expect(await tasksOf(house)).toHaveLength(2)

  await respond(house, mine, true)
  const event = { data: { resource: { type: 'task', id: mine } } }
  expect(await resumeWith(graph, event, { client })).toBe(true)
  expect((await graph.getState(thread('one'))).values.answers).toEqual(['Publish it? true'])
  expect(await resumeWith(graph, event, { client })).toBe(false)
  expect(await pendingQuestions(graph, 'two')).toHaveLength(1)
})

test('T142 A34 two questions at once are resumed each by its own answer, two in one node one after the other, and a loop asks anew', async () => {
  const house = await setup()
  const client = clientOf(house)
  const graph = graphOf(house, { left: ['Left?', 'Left again?'], right: ['Right?'] })
  await graph.invoke({}, thread('t'))
  expect((await pendingQuestions(graph, 't')).map((one) => one.taskId)).toHaveLength(2)
  const done = resumeWhenAnswered(graph, 't', { client })
  const answered = new Set<string>()
  await expect
    .poll(
      async () => {
        for (const { id, task, status } of await tasksOf(house))
          if (status === 'open' && !answered.has(id)) {
            answered.add(id)
            await respond(house, id, task.startsWith('Left'))
          }
        return answered.size
      },
      { timeout: 20_000 },
    )
    .toBe(3)
  expect(((await done) as { answers: string[] }).answers.sort()).toEqual(['Left again? true', 'Left? true', 'Right? false'])

  const loop = graphOf(house, { again: ['Once more?'] }, { rounds: 2 })
  await loop.invoke({}, thread('l'))
  const [one] = await pendingQuestions(loop, 'l')
  await respond(house, one?.taskId as string, true)
  await resumeWith(loop, { data: { resource: { type: 'task', id: one?.taskId } } }, { client })
  const [two] = await pendingQuestions(loop, 'l')
  expect(two?.taskId).toMatch(/^task_/)
  expect(two?.taskId).not.toBe(one?.taskId)
})

test('T142 what was answered before the node comes to it needs no interrupt', async () => {
  const house = await setup()
  const client = clientOf(house)
  const task = await house.given.task({
    task: 'Ship?',
    response_schema: z.toJSONSchema(Answer) as Record<string, unknown>,
    idempotency_key: 'ship-1',
    payload: {},
  })
  await respond(house, task.id, true)
  const graph = new StateGraph(State)
    .addNode('ship', async (_: unknown, config: object) => {
      const { ok } = await awaitHuman(
        { client, task: 'Ship?', response: Answer, timeout: '1h', idempotencyKey: 'ship-1' },
        config,
      )
      return { answers: [String(ok)] }
    })
    .addEdge(START, 'ship')
    .compile({ checkpointer: new MemorySaver() })
  expect((await graph.invoke({}, thread('x'))).answers).toEqual(['true'])
})

const decided = async (house: House, name: string, body: Record<string, unknown>) => {
  let id: string | undefined
  await expect
    .poll(
      async () => {
        const found = (await tasksOf(house)).find((one) => one.status === 'open' && one.task.includes(name))
        id = found?.id
        return id !== undefined
      },
      { timeout: 20_000 },
    )
    .toBe(true)
  const answer = await house.alice.post(at(id as string, 'decide'), { seen_revision: 1, ...body })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
}

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}
const callOf = (id: string, input: object) => ({
  content: [{ type: 'tool-call' as const, toolCallId: id, toolName: 'refund', input: JSON.stringify(input) }],
  finishReason: { unified: 'tool-calls' as const, raw: undefined },
  usage,
  warnings: [],
})
const said = {
  content: [{ type: 'text' as const, text: 'done' }],
  finishReason: { unified: 'stop' as const, raw: undefined },
  usage,
  warnings: [],
}

test('T144 a tool of the AI SDK runs as it was edited, and after a denial the model is told and nothing runs', async () => {
  const house = await setup()
  const ran: unknown[] = []
  const refund = tool({
    description: 'Pays an order back',
    inputSchema: z.object({ order: z.number(), amount: z.number().max(500) }),
    execute: async (input) => {
      ran.push(input)
      return 'refunded'
    },
  })
  const tools = { refund: withApproval('refund', refund, { client: clientOf(house), timeout: '1h' }) }
  const ask = (id: string) =>
    generateText({
      model: new MockLanguageModelV3({ doGenerate: [callOf(id, { order: 1, amount: 200 }), said] as never }),
      tools,
      prompt: 'go',
      stopWhen: stepCountIs(2),
    })
  const edited = ask('call-1')
  await decided(house, 'refund', { type: 'edit', args: { order: 1, amount: 150 } })
  expect((await edited).text).toBe('done')
  expect(ran).toEqual([{ order: 1, amount: 150 }])

  const denied = ask('call-2')
  await decided(house, 'refund', { type: 'deny', reason: 'twice already' })
  const { steps } = await denied
  expect(steps[0]?.toolResults[0]?.output).toMatchObject({ status: 'denied', reason: 'twice already' })
  expect(ran).toHaveLength(1)
})

test('T144 approval requests of the AI SDK are answered for the next turn', async () => {
  const house = await setup()
  const messages = [
    { role: 'user' as const, content: 'go' },
    {
      role: 'assistant' as const,
      content: [
        { type: 'tool-call' as const, toolCallId: 'c1', toolName: 'refund', input: { order: 7 } },
        { type: 'tool-approval-request' as const, approvalId: 'a1', toolCallId: 'c1' },
      ],
    },
  ]
  const answered = answerApprovals(messages, { client: clientOf(house), timeout: '1h' })
  await decided(house, 'refund', { type: 'deny', reason: 'no' })
  expect(await answered).toEqual({
    role: 'tool',
    content: [
      { type: 'tool-approval-response', approvalId: 'a1', approved: false, reason: expect.stringContaining('Their reason: no') },
    ],
  })
  expect(await answerApprovals([...messages, (await answered) as never], { timeout: '1h' })).toBeNull()
})

function agentOf(tools: ReturnType<typeof agentTool>[], turns: object[]) {
  const model = {
    async getResponse() {
      return { usage: { requests: 1, inputTokens: 0, outputTokens: 0, totalTokens: 0 }, output: [turns.shift()] }
    },
    getStreamedResponse() {
      throw new Error('not streamed')
    },
  }
  return new Agent({ name: 'Clerk', model: model as never, tools })
}
const functionCall = (callId: string, input: object) => ({
  type: 'function_call',
  callId,
  name: 'refund',
  arguments: JSON.stringify(input),
  status: 'completed',
})
const message = { type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'done' }] }

test('T144 an interruption of the OpenAI Agents SDK is settled after the run was stored and read again', async () => {
  const house = await setup()
  const ran: unknown[] = []
  const refund = agentTool({
    name: 'refund',
    description: 'Pays an order back',
    parameters: z.object({ order: z.number() }),
    needsApproval: true,
    execute: async (input) => {
      ran.push(input)
      return 'refunded'
    },
  })
  const agent = agentOf([refund], [functionCall('c1', { order: 5 }), message])
  const runner = new Runner({ tracingDisabled: true })
  const first = await runner.run(agent, 'go')
  expect(first.interruptions).toHaveLength(1)
  const state = await RunState.fromString(agent, first.state.toString())
  const settled = settleInterruptions(state, { client: clientOf(house), timeout: '1h' })
  await decided(house, 'refund', { type: 'accept' })
  expect(await settled).toBe(1)
  expect((await runner.run(agent, state)).finalOutput).toBe('done')
  expect(ran).toEqual([{ order: 5 }])
})

test('T144 a tool of the OpenAI Agents SDK runs with edited arguments that its own schema takes', async () => {
  const house = await setup()
  const ran: unknown[] = []
  const refund = agentTool({
    name: 'refund',
    description: 'Pays an order back',
    parameters: z.object({ order: z.number() }),
    execute: async (input) => {
      ran.push(input)
      return 'refunded'
    },
  })
  const agent = agentOf(
    [countersigned(refund, { client: clientOf(house), timeout: '1h' })],
    [functionCall('c9', { order: 5 }), message],
  )
  const running = new Runner({ tracingDisabled: true }).run(agent, 'go')
  await decided(house, 'refund', { type: 'edit', args: { order: 6 } })
  expect((await running).finalOutput).toBe('done')
  expect(ran).toEqual([{ order: 6 }])
})
