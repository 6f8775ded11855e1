// Tools of the OpenAI Agents SDK that a person countersigns (T144), and its own approval points: the interruptions of a run, also of one that was stored in
// between. Peer: @openai/agents. Nothing runs before a person said so; the tool's own schema judges edited arguments.

import type { FunctionTool, RunState, RunToolApprovalItem } from '@openai/agents'
import { type ActionOptions, approve } from '../action.ts'
import type { JsonObject } from '../shapes.ts'
import { notRun, refusalText } from './refusal.ts'

/** How to ask; the call itself is known. */
export type ApprovalOptions = Omit<ActionOptions, 'name' | 'args' | 'argsSchema' | 'response'>

// biome-ignore lint/suspicious/noExplicitAny: any tool of any context, as the framework's own lists of tools have it
type AnyTool = FunctionTool<any, any, any>

/**
 * The same tool, each of whose calls waits for a person.
 *
 * @example
 * ```ts
 * import { withApproval } from '@countersign/sdk/openai-agents'
 * import { Agent, tool } from '@openai/agents'
 * import { z } from 'zod'
 * const refund = tool({
 *   name: 'refund', description: 'Pays an order back', parameters: z.object({ order: z.number() }), execute: async ({ order }) => `refunded ${order}`,
 * })
 * const agent = new Agent({ name: 'Clerk', tools: [withApproval(refund, { timeout: '2h', onTimeout: 'deny' })] })
 * console.log(agent.name)
 * ```
 */
export function withApproval<T extends AnyTool>(tool: T, options: ApprovalOptions): T {
  const invoke: AnyTool['invoke'] = async (context, input, details) => {
    const verdict = await approve({
      ...options,
      name: tool.name,
      args: JSON.parse(input) as JsonObject,
      argsSchema: tool.parameters as JsonObject,
      description: options.description ?? tool.description,
      run: options.run ?? details?.toolCall?.callId,
    })
    const told = notRun(verdict)
    if (told) return JSON.stringify(told)
    // What was accepted goes on as the model wrote it, byte for byte.
    return tool.invoke(context, verdict.type === 'edit' ? JSON.stringify(verdict.args) : input, details)
  }
  return { ...tool, needsApproval: async () => false, invoke }
}

// biome-ignore lint/suspicious/noExplicitAny: the state of a run of any agent
type AnyState = RunState<any, any>

/** Asks about every interruption of a run and settles it in its state; then `run(agent, state)` goes on. Answers how many were settled. */
export async function settleInterruptions(state: AnyState, options: ApprovalOptions): Promise<number> {
  const items = state.getInterruptions()
  await Promise.all(items.map((item) => settleOne(state, item, options)))
  return items.length
}

async function settleOne(state: AnyState, item: RunToolApprovalItem, options: ApprovalOptions): Promise<void> {
  const { rawItem } = item
  const verdict = await approve({
    ...options,
    name: item.name ?? 'a tool',
    args: JSON.parse(item.arguments ?? '{}') as JsonObject,
    // The framework runs what the model wrote: an edit could not be honoured here.
    allow: ['accept', 'respond', 'deny'],
    run: options.run ?? ('callId' in rawItem ? rawItem.callId : rawItem.id),
  })
  const told = notRun(verdict)
  if (told) state.reject(item, { message: refusalText(told) })
  else state.approve(item)
}
