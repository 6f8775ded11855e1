// One call of a tool: its input judged, its cost taken, its verb run once for each idempotency key, and what came of it as a tool's result. A refusal is
// the problem that the route would have answered; nothing of an unknown error leaves but the request's id.
import { type FieldError, Problem } from '@countersign/sdk'
import type { CallToolResult } from '@modelcontextprotocol/server'
import type * as z from 'zod'
import type { Scope } from '../db/scope.ts'
import { judge } from '../http/input.ts'
import { type Json, writeJson } from '../http/json.ts'
import { logProblem, problemAnswer, problemOf } from '../http/problem.ts'
import { isKept } from '../http/reply.ts'
import type { AskLimits } from '../http/route.ts'
import { authorise } from '../identity/matrix.ts'
import type { McpHouse } from './house.ts'
import { type Call, IDEMPOTENCY_KEY, type Tool } from './tool.ts'

/** Who calls, and with what. */
export type Caller = { scope: Scope; limits: AskLimits; signal: AbortSignal; requestId: string; progress: Call['progress'] }

const JSON_TYPE = { 'Content-Type': 'application/json' }

export async function callTool(house: McpHouse, tool: Tool, caller: Caller, args: unknown): Promise<CallToolResult> {
  const { scope, limits, requestId } = caller
  try {
    const input = inputOf(tool.input, args ?? {})
    if (tool.cost > 0) await limits.take('api.key', scope.principal, tool.cost)
    const { [IDEMPOTENCY_KEY]: key, ...own } = input
    const inside = tool.enter ? await tool.enter(scope, input as never) : scope
    if (inside !== scope) authorise(inside, tool.action)
    for (const bucket of tool.buckets ?? []) await limits.take(bucket, inside.principal)
    if (tool.ownKey) return await run(tool, caller, inside, input)
    const there = { ...caller, scope: inside }
    return await (typeof key === 'string' ? runOnce(house, tool, there, own, key) : run(tool, there, inside, own))
  } catch (error) {
    const problem = problemOf(error)
    logProblem(house.log, problem, { request_id: requestId, tool: tool.name, principal: scope.principal, tenant: scope.tenantId })
    return toldOf(tool, problem, problemAnswer(problem, requestId).body)
  }
}

function toldOf(tool: Tool, problem: Problem, body: string | Buffer | null): CallToolResult {
  const told = tool.tellRefusal?.(problem) ?? null
  return told === null ? refusalOf(body) : resultOf(writeJson(told as Json))
}

function inputOf(schema: z.ZodType, args: unknown): Record<string, unknown> {
  const errors: FieldError[] = []
  const input = judge(schema, args, errors)
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return input as Record<string, unknown>
}

async function run(tool: Tool, { signal, limits, progress }: Caller, scope: Scope, input: object): Promise<CallToolResult> {
  return resultOf(writeJson(said(tool, await tool.run(scope, input as never, { signal, limits, progress }))))
}

const said = ({ say }: Tool, result: unknown): unknown => (say ? say(result as never) : result)

/** As the header of the API does (P76): the answer is stored in the transaction of the effect, and a repeat hears it again. */
async function runOnce(house: McpHouse, tool: Tool, caller: Caller, input: object, key: string): Promise<CallToolResult> {
  const { scope, requestId } = caller
  const call = { route: `MCP ${tool.name}`, method: 'POST', path: '/mcp', query: '', body: plain(input), key }
  const begun = await house.replies.begin(scope, call)
  if ('replay' in begun) {
    const { status, body } = begun.replay
    return { ...(status < 400 ? resultOf(String(body)) : refusalOf(body)), _meta: { 'countersign/replayed': true } }
  }
  const { attempt } = begun
  const beforeCommit: Scope['beforeCommit'] = async (t, result) => {
    if (result !== undefined) await attempt.complete(t, { status: 200, headers: JSON_TYPE, body: writeJson(said(tool, result)) })
  }
  try {
    const result = await run(tool, caller, { ...scope, beforeCommit }, input)
    await attempt.settle({ status: 200, headers: JSON_TYPE, body: textOf(result) }, true)
    return result
  } catch (error) {
    const problem = problemOf(error)
    await attempt.settle(problemAnswer(problem, requestId), isKept(problem)).catch((failed: unknown) => {
      // The lease ends by itself; what the caller must hear is why the call failed.
      house.log.warn({ request_id: requestId, err: failed }, 'an idempotency key could not be freed')
    })
    throw error
  }
}

/** For the fingerprint: times as they were sent. */
const plain = (input: object): Json => JSON.parse(writeJson(input)) as Json

const resultOf = (text: string): CallToolResult => ({
  content: [{ type: 'text', text }],
  structuredContent: JSON.parse(text) as Record<string, unknown>,
})

const textOf = ({ content: [first] }: CallToolResult): string => (first?.type === 'text' ? first.text : '{}')

/** The problem as it would have been answered: `code`, `title`, `detail`, `errors`, `request_id`. */
const refusalOf = (body: string | Buffer | null): CallToolResult => ({
  isError: true,
  content: [{ type: 'text', text: String(body) }],
})
