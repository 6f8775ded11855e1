// countersign relay try: the whole of a relay in a minute, by one person against the agent `sandbox` of a server: its card, a relay grant, a message that waits for their own approval, the
// answer as it comes, and the end. Each step is printed with the time that it took. Shows no token.
import { Problem, relay, verifyCard } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { mustBePerson } from './first-person.ts'
import { plain, print, usage } from './output.ts'
import type { Door } from './tasks.ts'

type Step = { step: string; ms: number; text: string }
type Tried = { agent: string; thread_id: string; threads_page: string; steps: Step[]; ms: number }

const AGENT = 'sandbox'
const SAID = 'approve chunks 3'

export function tryCommand(group: Command, door: Door): void {
  group
    .command('try')
    .description('the whole of it in a minute, with an agent that every server has; you approve your own message')
    .option('--yes', 'approve it without being asked')
    .action(async ({ yes }: { yes?: true }) => {
      if (!yes && !process.stdin.isTTY) throw usage('Approving your own message needs --yes where nobody can be asked.')
      const { json, stdout } = door.output()
      const told = (one: Step) => (json ? undefined : stdout(`${line(one)}\n`))
      const tried = await tryAll(door, yes, told)
      if (json) print(door.output(), tried, () => '')
      else stdout(`\nIts threads are at ${tried.threads_page}\n`)
    })
}

const line = ({ step, ms, text }: Step): string => `${(ms / 1000).toFixed(2).padStart(7)} s  ${step.padEnd(9)}${plain(text)}`

async function tryAll(door: Door, yes: true | undefined, told: (one: Step) => void): Promise<Tried> {
  const client = await mustBePerson(door.client())
  const { url } = client.settings
  const steps: Step[] = []
  const began = performance.now()
  let since = began
  // What a person takes to answer is theirs, and is not counted as the server's.
  const step = (name: string, text: string) => {
    const now = performance.now()
    const one = { step: name, ms: Math.round(now - since), text }
    since = now
    steps.push(one)
    told(one)
  }

  step('card', await readCard(client))
  const given = await client.call('POST /relay/sandbox', { body: {} })
  const { relay_token: token, links } = given
  if (token === undefined) throw new Problem('answer_unreadable', { detail: 'There is no relay token.', http_status: 201 })
  step('connect', `relay grant ${given.relay_grant.id} until ${given.expires_at}`)

  const calls = relay(url, token)
  const started = await calls.start(AGENT, { text: SAID, want_thread_token: true })
  const { thread_id: id, approval } = started
  step('start', `${id} says “${SAID}”: ${started.state}`)
  if (!approval) throw new Problem('state_conflict', { state: started.state, detail: 'Nobody was asked about the message.' })

  await confirm(door, `Approve your own message (${approval.url})`, url, yes)
  const { revision } = await client.tasks.get(approval.task_id)
  await client.tasks.decide(approval.task_id, { type: 'accept', seen_revision: revision })
  step('approve', `${approval.task_id}, by you`)

  for await (const { type } of calls.events(id)) {
    if (type.startsWith('artifact.')) step('stream', type)
    if (type === 'thread.responded') break
  }
  step('answer', await answerOf(calls, id))
  const { state, outcome } = await calls.close(id)
  step('close', [state, outcome].filter((word) => word !== null).join(', '))
  return { agent: AGENT, thread_id: id, threads_page: links.threads_page, steps, ms: Math.round(performance.now() - began) }
}

async function readCard({ transport }: ReturnType<Door['client']>): Promise<string> {
  const { text } = await transport.call('GET', `/agents/${AGENT}/card`)
  const keys = await transport.call<{ keys: object[] }>('GET', `agents/${AGENT}/.well-known/jwks.json`)
  const { card, kid } = await verifyCard(text, keys.body)
  return `${String(card.name)}, signed by ${kid}`
}

async function answerOf(calls: ReturnType<typeof relay>, id: string): Promise<string> {
  const texts: string[] = []
  for await (const { side, kind, parts } of calls.messages(id))
    if (side === 'owner' && kind === 'message') texts.push(...(parts ?? []).map(({ text }) => text ?? ''))
  return texts.join(' ')
}
