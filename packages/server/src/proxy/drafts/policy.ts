// The policy that lets an agent pass a host of nobody (V95): without a credential, and only where each request is seen. Text for a person to read and save; saves nothing.
import { sha256 } from '../../crypto/token.ts'

export type PassPolicy = { id: string; text: string }

/** The same host and agent get the same id, so that it is not saved twice. */
export function passPolicy(agentId: string, host: string): PassPolicy {
  const id = `pass-${sha256(`${agentId} ${host}`).toString('hex').slice(0, 20)}`
  const [agent, resource] = [JSON.stringify(agentId), JSON.stringify(host)]
  const text = `@id("${id}") @note("Learned: this agent may send to this host, without a credential.")
permit (principal == Agent::${agent}, action == Action::"proxy.pass", resource == Host::${resource})
when { context.intercepted };
`
  return { id, text }
}
