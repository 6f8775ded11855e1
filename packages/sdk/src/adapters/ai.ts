// Tools of the AI SDK that a person countersigns (T144): a call becomes an action; it runs as proposed or as edited, or the model is told why not.
// Peer: ai. Nothing runs before a person said so, and edited arguments run only when the tool's own schema takes them.

import { asSchema, type ModelMessage, type Tool, type ToolApprovalResponse } from 'ai'
import { type ActionOptions, approve } from '../action.ts'
import type { StandardSchema } from '../schema/schema.ts'
import type { JsonSchema } from '../shapes.ts'
import { notRun, refusalText } from './refusal.ts'

/** How to ask; the call itself is known. */
export type ApprovalOptions = Omit<ActionOptions, 'name' | 'args' | 'argsSchema' | 'response'>

/**
 * The same tool, each of whose calls waits for a person.
 *
 * @example
 * ```ts
 * import { withApproval } from '@countersign/sdk/ai'
 * import { tool } from 'ai'
 * import { z } from 'zod'
 * const refund = tool({ inputSchema: z.object({ order: z.number() }), execute: async ({ order }) => `refunded ${order}` })
 * const tools = { refund: withApproval('refund', refund, { timeout: '2h', onTimeout: 'deny' }) }
 * console.log(Object.keys(tools))
 * ```
 */
export function withApproval<T extends Tool>(name: string, tool: T, options: ApprovalOptions): T {
  const { execute } = tool
  if (!execute) throw new TypeError(`The tool ${name} has no execute: nothing would run after an approval.`)
  const asked: NonNullable<Tool['execute']> = async (input, context) => {
    const verdict = await approve({
      ...options,
      name,
      args: input,
      argsSchema: await schemaOf(tool),
      description: options.description ?? tool.description,
      run: options.run ?? context.toolCallId,
      signal: options.signal ?? context.abortSignal,
    })
    return notRun(verdict) ?? execute((verdict as { args: unknown }).args, context)
  }
  return { ...tool, execute: asked, needsApproval: undefined }
}

/** As the framework reads it, in the form in which any schema is read here. */
async function schemaOf({ inputSchema }: Tool): Promise<StandardSchema> {
  const own = asSchema(inputSchema)
  const json = (await own.jsonSchema) as JsonSchema
  const validate = async (value: unknown) => {
    const result = await own.validate?.(value)
    if (!result || result.success) return { value: result ? result.value : value }
    return { issues: [{ message: result.error.message }] }
  }
  return { '~standard': { version: 1, vendor: 'ai', validate, jsonSchema: { input: () => json } } }
}

type Call = { toolCallId: string; toolName: string; input: unknown }

/**
 * Answers the approval requests at the end of a conversation whose tools have `needsApproval`: ask again with the message that comes back appended.
 * Null when nothing waits. A person can accept or deny there; edits need `withApproval`.
 */
export async function answerApprovals(
  messages: readonly ModelMessage[],
  options: ApprovalOptions,
): Promise<{ role: 'tool'; content: ToolApprovalResponse[] } | null> {
  const calls = new Map<string, Call>()
  const waiting = new Map<string, string>()
  for (const { content } of messages) {
    if (typeof content === 'string') continue
    for (const part of content) {
      if (part.type === 'tool-call') calls.set(part.toolCallId, part)
      if (part.type === 'tool-approval-request') waiting.set(part.approvalId, part.toolCallId)
      if (part.type === 'tool-approval-response') waiting.delete(part.approvalId)
    }
  }
  if (waiting.size === 0) return null
  const content = await Promise.all([...waiting].map(([approvalId, id]) => answerOne(approvalId, calls.get(id), options)))
  return { role: 'tool', content }
}

async function answerOne(approvalId: string, call: Call | undefined, options: ApprovalOptions): Promise<ToolApprovalResponse> {
  if (!call) throw new TypeError(`The approval ${approvalId} is about a call that is not in these messages.`)
  const verdict = await approve({
    ...options,
    name: call.toolName,
    args: call.input as Record<string, unknown>,
    allow: ['accept', 'respond', 'deny'],
    run: options.run ?? call.toolCallId,
  })
  const told = notRun(verdict)
  return { type: 'tool-approval-response', approvalId, approved: told === null, ...(told ? { reason: refusalText(told) } : {}) }
}
