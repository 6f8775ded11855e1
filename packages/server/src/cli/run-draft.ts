// countersign runs draft: what a run learned, as grants and policies that somebody may publish. Without --publish nothing changes; with it grants are made and
// policies saved as a new version, which is active only once somebody activates it.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm, targetOf } from './confirm.ts'
import { ruleLine } from './grants.ts'
import { plain, print, unlessRefused } from './output.ts'
import type { Door } from './tasks.ts'

type Draft = RouteAnswer<'GET /runs/:id/draft'>
type Proposed = Draft['grants'][number]
type Published = { grants: { id: string; connection_id: string; made: boolean }[]; policies: Saved | null }
/** `refused`: policies are others' to save. */
type Saved = { state: 'saved' | 'refused' | 'there'; version: number | null; ids: string[] }

export function runDraftCommand(runs: Command, door: Door): void {
  runs
    .command('draft <id>')
    .description('what a run in mode learn reached, as grants and policies that are not made yet')
    .option('--publish', 'make the grants, and save the policies as a new version')
    .option('-y, --yes', 'without a question')
    .action(async (id: string, { publish, yes }: { publish?: true; yes?: true }) => {
      const draft = await door.client().call('GET /runs/:id/draft', { params: { id } })
      if (!publish) return print(door.output(), draft, described)
      if (draft.grants.length + draft.passes.length > 0)
        await confirm(door, `Publish the draft of ${id}`, targetOf(door.client().settings.url), yes)
      print(door.output(), await published(door, draft), told)
    })
}

async function published(door: Door, draft: Draft): Promise<Published> {
  const grants: Published['grants'] = []
  for (const one of draft.grants) grants.push(await granted(door, one))
  return { grants, policies: draft.passes.length === 0 ? null : await saved(door, draft) }
}

/** Published twice it is one grant. */
async function granted(door: Door, { grant }: Proposed): Promise<Published['grants'][number]> {
  const { agent_id, connection_id, rules } = grant
  const query = { agent_id, connection_id, status: 'active' as const, limit: 200 }
  const { data } = await door.client().call('GET /grants', { query })
  const same = data.find((one) => sameRules(one.rules, rules))
  if (same) return { id: same.id, connection_id, made: false }
  const { id } = await door.client().call('POST /grants', { body: grant })
  return { id, connection_id, made: true }
}

const sameRules = (a: Proposed['grant']['rules'], b: Proposed['grant']['rules']): boolean =>
  JSON.stringify(a.map(ruleLine).sort()) === JSON.stringify(b.map(ruleLine).sort())

/** Behind what is active, as it stands there. */
async function saved(door: Door, { run_id, passes }: Draft): Promise<Saved> {
  const client = door.client()
  const ids = passes.map(({ policy_id }) => policy_id)
  const done = await unlessRefused(async (): Promise<Saved> => {
    const active = await client.call('GET /policies/active')
    const there = new Set(active.policies.map(({ id }) => id))
    const fresh = passes.filter(({ policy_id }) => !there.has(policy_id))
    if (fresh.length === 0) return { state: 'there', version: active.version, ids }
    const text = [active.text.trimEnd(), ...fresh.map(({ policy }) => policy)].join('\n\n')
    const { version } = await client.call('POST /policies', { body: { text, note: `Learned in ${run_id}` } })
    return { state: 'saved', version, ids: fresh.map(({ policy_id }) => policy_id) }
  })
  return done ?? { state: 'refused', version: null, ids }
}

const times = (count: number): string => `${count} request${count === 1 ? '' : 's'}`

function described(draft: Draft): string {
  const isEmpty = draft.grants.length + draft.passes.length === 0
  return [
    `${draft.run_id}  ${draft.mode}  ${times(draft.requests)}${draft.truncated ? ' or more; the newest and most wanted stand here' : ''}`,
    ...draft.grants.flatMap(({ provider, name, requests, other_connections, grant }) => [
      plain(`grant    ${provider}:${name}  ${grant.connection_id}  ${times(requests)}`),
      ...grant.rules.map((rule) => `  ${plain(ruleLine(rule))}`),
      ...(other_connections.length === 0 ? [] : [`  ${other_connections.join(', ')} would fit as well`]),
    ]),
    ...draft.passes.map(({ host, requests, policy_id }) => plain(`pass     ${host}  ${times(requests)}  policy ${policy_id}`)),
    ...draft.missing.map(({ provider, hosts, requests, reason, connect_url }) =>
      plain(
        `connect  ${provider}  ${times(requests)} to ${hosts.join(', ')}: ${reason === 'needs_reauth' ? connect_url : `countersign login ${provider}`}`,
      ),
    ),
    ...draft.left_out.map(({ method, scheme, host, path, why }) =>
      plain(`left out ${method} ${scheme}://${host}${path}: ${WHY[why]}`),
    ),
    isEmpty ? 'There is nothing to publish.' : `Nothing is published yet: countersign runs draft ${draft.run_id} --publish`,
  ].join('\n')
}

const WHY: Record<Draft['left_out'][number]['why'], string> = {
  plaintext: 'without TLS no credential goes out',
  token_endpoint: 'it is where tokens are fetched, and no credential goes there',
  minting: 'it hands out credentials; a grant has to say minting',
  unnamed: 'no rule can name it',
}

function told({ grants, policies }: Published): string {
  const lines = grants.map(({ id, connection_id, made }) => `${id}  ${connection_id}  ${made ? 'granted' : 'was granted before'}`)
  if (policies?.state === 'saved')
    lines.push(`policies version ${policies.version} is saved; countersign policies activate ${policies.version}`)
  if (policies?.state === 'there') lines.push('policies already let it pass the hosts that it learned')
  if (policies?.state === 'refused')
    lines.push('policies were not saved: that is for whoever may write them (countersign runs draft … --json has their text)')
  return lines.length === 0 ? 'There is nothing to publish.' : lines.join('\n')
}
