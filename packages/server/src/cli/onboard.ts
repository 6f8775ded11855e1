// countersign onboard: from nothing to a machine that can run agents, in one step that may be repeated: a person signs in, an agent with a key pair of its own is registered from
// here and claimed, and what programs read from variables is looked at. What is there already is left as it is; no value is imported, and none is printed.
import { hostname } from 'node:os'
import { Problem } from '@countersign/sdk'
import type { Command } from 'commander'
import { registerOwn } from './agent-keys.ts'
import { type Survey, surveyEnv } from './import-env.ts'
import { plain, print, usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import { isProfile } from './profiles.ts'
import { type SignedIn, signedIn } from './sign-in.ts'
import type { Door } from './tasks.ts'
import { useAgent, usedAgent } from './used-agent.ts'

const EXAMPLES = `
Examples:
  $ countersign onboard --server https://countersign.example.com
  $ countersign onboard --agent "Refund bot" --keep refunds
`

type Options = { device?: true; browser: boolean; agent?: string; keep: string }
type Person = { id: string; name: string; signed_in: boolean }
type Onboarded = {
  server: string
  principal: Person
  agent: { id: string; name: string; profile: string | null; made: boolean }
  import: Survey
}

export function onboardCommand(program: Command, door: Door): void {
  program
    .command('onboard [file...]')
    .description('sign in, give this machine an agent, and look at what `import env` would store; may be repeated')
    .option('--device', 'print a code to type in elsewhere, and open no page')
    .option('--no-browser', 'print the address and open nothing')
    .option('--agent <name>', 'of the agent; this machine’s name unless given')
    .option('--keep <profile>', 'call as the agent with --profile <profile>', 'agent')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: Options) => onboard(door, files, options))
}

async function onboard(door: Door, files: string[], { device, browser, agent: name = hostname(), keep }: Options): Promise<void> {
  needPrivateLine(door.client())
  const { own, principal } = await person(door, browser && !device)
  const agent = await agentOf(own, name, keep)
  const { survey, text } = await surveyEnv(own, files)
  const done: Onboarded = { server: own.client().settings.url, principal, agent, import: survey }
  print(door.output(), done, () => `${described(done)}\n${text}`)
}

/** Whoever is signed in already, else whoever says so in a browser now. */
async function person(door: Door, browser: boolean): Promise<{ own: Door; principal: Person }> {
  const me = await whoIs(door)
  if (me?.type === 'user') return { own: door, principal: { id: me.id, name: me.name, signed_in: false } }
  const { told, client }: { told: SignedIn; client: ReturnType<Door['client']> } = await signedIn(door, { browser })
  return { own: { ...door, client: () => client }, principal: { ...told.principal, signed_in: true } }
}

/** Null: nobody, or somebody who does not count any more. */
async function whoIs(door: Door) {
  try {
    return await door.client().call('GET /principal')
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null
    throw error
  }
}

async function agentOf(door: Door, handle: string, profile: string): Promise<Onboarded['agent']> {
  const client = door.client()
  const known = usedAgent(client.settings)
  const found = known === undefined ? null : await client.agents.get(known).catch(unlessGone)
  if (found?.state === 'active')
    return { id: found.id, name: found.name, profile: isProfile(profile) ? profile : null, made: false }
  if (isProfile(profile)) throw usage(`There is a profile ${profile} already: choose another name with --keep.`)
  const { id, name } = await registerOwn(client, handle.slice(0, 100), profile)
  useAgent(client.settings, id)
  return { id, name, profile, made: true }
}

function unlessGone(error: unknown): null {
  if (error instanceof Problem && error.status === 404) return null
  throw error
}

const described = ({ server, principal, agent }: Onboarded): string =>
  [
    `you    ${plain(principal.name)}, ${principal.signed_in ? 'signed in' : 'signed in before'}, ${server}`,
    `agent  ${agent.id}  ${plain(agent.name)}, ${agent.made ? 'made' : 'there before'}${agent.profile === null ? '' : `; as it: --profile ${agent.profile}`}`,
    '',
  ].join('\n')
