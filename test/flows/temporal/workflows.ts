// Workflows of the tests of the Temporal adapter, as somebody would write them. They are bundled and run where there is neither crypto nor network nor a timer.
import { z } from 'zod'
import { awaitHuman } from '../../../packages/sdk/src/adapters/temporal.ts'

const Answer = z.object({ ok: z.boolean() })

export async function twice(first: string, second: string): Promise<string> {
  const one = await awaitHuman({ task: first, response: Answer, timeout: '1h' })
  const two = await awaitHuman({ task: second, response: Answer, timeout: '1h' })
  return `${first} ${one.ok}, ${second} ${two.ok}`
}

export async function both(): Promise<string> {
  const ask = (task: string) => awaitHuman({ task, response: Answer, timeout: '1h' })
  const [left, right] = await Promise.all([ask('Left?'), ask('Right?')])
  return `left ${left.ok}, right ${right.ok}`
}

export async function once(task: string, onCancel: 'leave' | 'cancel'): Promise<boolean> {
  return (await awaitHuman({ task, response: Answer, timeout: '1h', onCancel })).ok
}

export async function refused(): Promise<boolean> {
  return (await awaitHuman({ task: ' ', response: Answer, timeout: '1h' })).ok
}
