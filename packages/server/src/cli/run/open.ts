// Opens the run at the server and says, in words that help, why it cannot: no proxy, no agent named, a connection that the agent may not use.
import { Countersign, Problem, type RouteAnswer } from '@countersign/sdk'
import { plain } from '../output.ts'
import { NotStarted } from './child.ts'
import type { RunRequest } from './request.ts'

export type Opened = {
  run: RouteAnswer<'POST /runs'>['run']
  token: string
  proxy: string
  authority: string
  placeholders: Record<string, string>
  /** The API as this run, and as nobody else. */
  own: Countersign
}

const AGENT_ID = /^agt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/

export async function openRun(client: Countersign, request: RunRequest, note: (text: string) => void): Promise<Opened> {
  const agentId = request.agent === null ? null : await agentNamed(client, request.agent)
  const body = {
    purpose: request.purpose,
    mode: request.mode,
    ...(agentId === null ? {} : { agent_id: agentId }),
    ...(request.labels.length === 0 ? {} : { labels: request.labels }),
    ...(request.ttlSeconds === null ? {} : { ttl_seconds: request.ttlSeconds }),
    ...(request.waitSeconds === null ? {} : { wait_seconds: request.waitSeconds }),
    ...(request.pinsHosts ? { pin_hosts: true } : {}),
    ...(Object.keys(request.connections).length === 0 ? {} : { connections: request.connections }),
  }
  const opened = await client.call('POST /runs', { body }).catch((error: unknown) => explain(client, request, error))
  const { run, token, proxy_url: proxy, ca_pem: authority, env: placeholders } = opened
  if (token === undefined)
    throw new NotStarted(125, 'The run’s token was shown to an earlier try of this command; start it again.')
  const own = new Countersign({ url: client.settings.url, key: token })
  if (proxy === null) {
    await endRun(own, 'no_proxy')
    throw new NotStarted(
      125,
      `${client.settings.url} runs no proxy, so nothing could add a credential: \`countersign serve --roles proxy\` is one (docs/proxy/run.md).`,
    )
  }
  if (Object.keys(placeholders).length === 0) await sayWhatItMayUse(own, run.agent_id, note)
  return { run, token, proxy, authority, placeholders, own }
}

/** Null: it was over before. */
export async function endRun(own: Countersign, reason: string): Promise<RouteAnswer<'POST /runs/self/end'> | null> {
  try {
    return await own.call('POST /runs/self/end', { body: { reason } })
  } catch (error) {
    if (error instanceof Problem && (error.code === 'run_ended' || error.status === 401)) return null
    throw error
  }
}

async function agentNamed(client: Countersign, wanted: string): Promise<string> {
  if (AGENT_ID.test(wanted)) return wanted
  const { data } = await client.agents.list({ limit: 200 })
  const found = data.filter(({ name }) => name === wanted)
  if (found.length === 1) return (found[0] as { id: string }).id
  if (found.length > 1)
    throw new NotStarted(
      125,
      `Several agents are called ${plain(wanted)}: name one by its id, ${listed(found.map(({ id }) => id))}.`,
    )
  throw new NotStarted(125, `There is no agent ${plain(wanted)}. ${agentsOf(data)}`)
}

const agentsOf = (agents: readonly { name: string; state: string }[]): string => {
  const active = agents.filter(({ state }) => state === 'active').map(({ name }) => plain(name))
  return active.length === 0
    ? 'You have none that is active: countersign agents create <name>'
    : `Those that may run: ${listed(active)}.`
}

/** A person has to say which of their agents runs; an agent is itself. */
async function explain(client: Countersign, request: RunRequest, error: unknown): Promise<never> {
  if (!(error instanceof Problem) || error.code !== 'validation_failed') throw error
  const faults = error.members.errors ?? []
  if (request.agent !== null || !faults.some(({ path, code }) => path === '/agent_id' && code === 'required')) throw error
  const { data } = await client.agents.list({ limit: 200 })
  throw new NotStarted(125, `This key is a person’s, and a run is an agent’s: say which one with --agent. ${agentsOf(data)}`, {
    cause: error,
  })
}

async function sayWhatItMayUse(own: Countersign, agentId: string, note: (text: string) => void): Promise<void> {
  const { routes } = await own.call('GET /runs/self')
  if (routes.length === 0)
    return note(
      `the agent ${agentId} may use no connection yet; what the command asks for goes out without a credential, where policy lets it out (docs/vault/grants.md)`,
    )
  note(`no variable stands for what the agent may use: ${listed(routes.map(({ provider, name }) => `${provider}:${name}`))}`)
}

const listed = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ')
