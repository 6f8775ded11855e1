// countersign grants …: which agent may use which connection, and for what. Whether a request fits is the server's to say, and so is what a policy makes of it.
import { readFileSync } from 'node:fs'
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, table, usage } from './output.ts'
import type { Door } from './tasks.ts'
import { connectionNamed } from './which-connection.ts'
import { parseNumber, parseTime } from './words.ts'

type Grant = RouteAnswer<'GET /grants/:id'>
type Explained = RouteAnswer<'POST /grants/explain'>
type Rule = NonNullable<RouteBody<'POST /grants'>['rules']>[number]

const EXAMPLES = `
Lists have commas between their parts. A path is a prefix of whole segments; * is one segment, a last ** the rest.

Examples:
  $ countersign grants create --agent agt_01J… --connection stripe --methods GET --paths /v1/charges
  $ countersign grants create --agent agt_01J… --connection stripe --paths /v1/charges --ask /v1/refunds --expires 7d
  $ countersign grants propose --connection github:work --reason "open pull requests"
  $ countersign grants revoke grt_01J…
  $ countersign grants explain --agent agt_01J… POST https://api.stripe.com/v1/refunds --body refund.json
`

type TermOptions = Partial<Record<'methods' | 'hosts' | 'paths' | 'tools' | 'ask' | 'expires' | 'maxUses', string>>
type NewOptions = TermOptions & { agent?: string; agentLabel?: string; connection: string; reason?: string }

export function grantsCommand(program: Command, door: Door): void {
  const grants = program
    .command('grants')
    .description('which agent may use which connection, and for what')
    .addHelpText('after', EXAMPLES)
  looks(grants, door)

  withTerms(grants.command('create').description('let an agent use a connection'))
    .option('--agent <id>', 'the agent')
    .option('--agent-label <label>', 'or every agent with this label')
    .requiredOption('--connection <connection>', 'its id, provider:name, or the provider')
    .option('--reason <text>', 'why; whoever reads the grant reads it')
    .action((options: NewOptions) => {
      if ((options.agent === undefined) === (options.agentLabel === undefined)) throw usage('Say --agent or --agent-label.')
      return make(door, options)
    })
  withTerms(grants.command('propose').description('as an agent: ask people for the use of a connection'))
    .requiredOption('--connection <connection>', 'its id, provider:name, or the provider')
    .option('--reason <text>', 'why; the people who are asked read it')
    .action(async (options: NewOptions) => {
      const { type } = await door.client().call('GET /principal')
      if (type !== 'agent') throw usage('An agent proposes, with its own key; people use `grants create`.')
      // What an agent has no grant for is not in its list: the name goes to the server as it is.
      const [provider = '', name] = options.connection.split(':', 2)
      const which = options.connection.startsWith('conn_')
        ? { connection_id: options.connection }
        : { provider, ...(name === undefined ? {} : { connection: name }) }
      const body = { ...which, ...termsOf(options, EVERYTHING), ...(options.reason && { reason: options.reason }) }
      print(door.output(), await door.client().call('POST /grants', { body }), proposed)
    })
  decisions(grants, door)
  explain(grants, door)
}

function looks(grants: Command, door: Door): void {
  grants
    .command('list')
    .description('grants that you may see, newest first')
    .option('--agent <id>', 'of one agent')
    .option('--connection <connection>', 'on one connection')
    .option('--status <status>', 'proposed, active, suspended, expired, revoked or rejected')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(
      async (options: { agent?: string; connection?: string; status?: Grant['status']; limit: string; cursor?: string }) => {
        const { agent, connection, status, cursor } = options
        const query = {
          ...(agent === undefined ? {} : { agent_id: agent }),
          ...(connection === undefined ? {} : { connection_id: (await connectionNamed(door, connection)).id }),
          ...{ status, cursor, limit: parseNumber('--limit', options.limit) },
        }
        print(door.output(), await door.client().call('GET /grants', { query }), ({ data }) =>
          table(data.map(row), ['ID', 'STATUS', 'AGENT', 'CONNECTION', 'EXPIRES', 'USES', 'RULES'], 'No grant matches.'),
        )
      },
    )
  grants
    .command('show <id>')
    .description('one, with its rules')
    .action(async (id: string) =>
      print(door.output(), await door.client().call('GET /grants/:id', { params: { id } }), described),
    )
}

const withTerms = (command: Command): Command =>
  command
    .option('--methods <list>', 'GET,POST …; every one unless given')
    .option('--hosts <list>', 'of the definition’s; all of them unless given')
    .option('--paths <list>', 'what is allowed; everything unless this or --ask is given')
    .option('--tools <list>', 'MCP tools, * at the end for any that begin so')
    .option('--ask <paths>', 'what people are asked about each time')
    .option('--expires <time>', 'a time, or how long: 7d; 30 days unless given')
    .option('--max-uses <n>', 'how often')

async function make(door: Door, { agent, agentLabel, connection, reason, ...terms }: NewOptions): Promise<void> {
  const { id } = await connectionNamed(door, connection)
  const who = agent === undefined ? { agent_label: agentLabel } : { agent_id: agent }
  const body = { ...who, connection_id: id, ...termsOf(terms, EVERYTHING), ...(reason && { reason }) }
  print(door.output(), await door.client().call('POST /grants', { body }), summary)
}

function decisions(grants: Command, door: Door): void {
  withTerms(
    grants
      .command('approve <id>')
      .description('accept a proposed grant, or confirm a suspended one; narrower where flags say so'),
  ).action((id: string, options: TermOptions) => decide(door, id, 'approve', termsOf(options, null)))
  for (const [how, says] of [
    ['reject', 'refuse a proposed grant'],
    ['suspend', 'suspend it until somebody confirms it'],
  ] as const)
    grants
      .command(`${how} <id>`)
      .description(says)
      .option('--reason <text>', 'why')
      .action((id: string, { reason }: { reason?: string }) => decide(door, id, how, reason === undefined ? {} : { reason }))
  grants
    .command('revoke <id>')
    .description('take it back for good')
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask')
    .action(async (id: string, { reason, yes }: { reason?: string; yes?: true }) => {
      await confirm(door, `Revoke ${plain(id)}`, door.client().settings.url, yes)
      await decide(door, id, 'revoke', reason === undefined ? {} : { reason })
    })
}

type ExplainOptions = {
  agent?: string
  body?: string
  header: Record<string, string>
  connection?: string
  mode?: 'enforce' | 'learn'
}

function explain(grants: Command, door: Door): void {
  grants
    .command('explain <method> <url>')
    .description('what the proxy would do with a request, step by step; nothing is sent, asked or counted')
    .option('--agent <id>', 'whose request; an agent asks about itself')
    .option('--body <file>', 'what it would send; - for what is piped in')
    .option('--header <name=value>', 'one of its headers; may be repeated', header, {})
    .option('--connection <name>', 'as the agent would select it, where several fit')
    .option('--mode <mode>', 'enforce or learn: of the run')
    .action(async (method: string, url: string, { agent, body, header: headers, connection, mode }: ExplainOptions) => {
      const named = { ...headers, ...(connection === undefined ? {} : { 'countersign-connection': connection }) }
      const asked = {
        ...{ method: method.toUpperCase(), url },
        ...(Object.keys(named).length > 0 && { headers: named }),
        ...(body !== undefined && { body: readFileSync(body === '-' ? 0 : body, 'utf8') }),
        ...(agent !== undefined && { agent_id: agent }),
        ...(mode !== undefined && { mode }),
      }
      print(door.output(), await door.client().call('POST /grants/explain', { body: asked }), explained)
    })
}

function header(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw usage(`--header is name=value, not ${JSON.stringify(text)}.`)
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

function explained({ outcome, reason, connection_id, grant_id, choices, policy, steps }: Explained): string {
  const words = (detail: Explained['steps'][number]['detail']) =>
    Object.entries(detail)
      .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
      .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', ')
  const lines: [string, string | null][] = [
    ['outcome', `${outcome}${reason === null ? '' : `, ${reason}`}`],
    ['connection', connection_id],
    ['grant', grant_id],
    ['choices', choices.join(', ') || null],
    ['policies', policy.ids.length === 0 ? null : `${policy.ids.join(', ')} of version ${policy.version}`],
  ]
  const rows = steps.map(({ step, result, detail }) => [step, result.replace('_', ' '), words(detail)].map(plain))
  const head = lines.flatMap(([word, value]) => (value === null ? [] : [`${word.padEnd(12)}${plain(value)}`]))
  return `${head.join('\n')}\n\n${table(rows, ['STEP', 'RESULT', ''], '')}`
}

/** Refused where somebody else changed it between the look and the act. */
async function decide(door: Door, id: string, how: 'approve' | 'reject' | 'suspend' | 'revoke', body: object): Promise<void> {
  const client = door.client()
  const { generation } = await client.call('GET /grants/:id', { params: { id } })
  const headers = { 'if-match': `"${generation}"` }
  print(door.output(), await client.call(`POST /grants/:id/${how}`, { params: { id }, body, headers }), summary)
}

const parts = (text: string | undefined): string[] | undefined =>
  text
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

type NewTerms = Pick<RouteBody<'POST /grants'>, 'rules' | 'expires_at' | 'max_uses'>
const EVERYTHING: Rule[] = [{ effect: 'allow' }]

/** `otherwise`: the rules where no flag speaks of one; null leaves those that are there. */
function termsOf(options: TermOptions, otherwise: Rule[] | null): NewTerms {
  const { expires, maxUses } = options
  const rules = rulesOf(options) ?? otherwise
  return {
    ...(rules === null ? {} : { rules }),
    ...(expires === undefined ? {} : { expires_at: parseTime('--expires', expires, Date.now()) }),
    ...(maxUses === undefined ? {} : { max_uses: parseNumber('--max-uses', maxUses) }),
  }
}

/** One rule that allows and one that asks. */
function rulesOf({ methods, hosts, paths, tools, ask }: TermOptions): Rule[] | null {
  if ([methods, hosts, paths, tools, ask].every((one) => one === undefined)) return null
  const where = { ...some('methods', parts(methods)), ...some('hosts', parts(hosts)) }
  const allow: Rule = { effect: 'allow', ...where, ...some('tools', parts(tools)), ...some('paths', parts(paths)) }
  const asked = parts(ask) ?? []
  if (asked.length === 0) return [allow]
  const asks: Rule = { effect: 'ask', ...where, paths: asked }
  return paths === undefined && tools === undefined ? [asks] : [allow, asks]
}

const some = (name: 'methods' | 'hosts' | 'paths' | 'tools', list: string[] | undefined) =>
  list === undefined || list.length === 0 ? {} : { [name]: list }

const whoOf = ({ agent_id: id, agent_label: label }: Grant): string => id ?? `label ${label}`

const row = (one: Grant): string[] =>
  [
    ...[one.id, one.status, whoOf(one), one.connection_id, one.expires_at.slice(0, 10)],
    ...[one.max_uses === null ? String(one.uses) : `${one.uses}/${one.max_uses}`, one.rules.map(ruleLine).join('; ')],
  ].map(plain)

export const ruleLine = ({ effect, methods, hosts, paths, tools, where }: Grant['rules'][number]): string =>
  [
    effect,
    ...[methods, hosts, paths, tools].flatMap((list) => (list === undefined ? [] : [list.join(',')])),
    ...(where ?? []).map(({ fact, op, value }) => `${fact} ${op} ${JSON.stringify(value)}`),
  ].join(' ')

const summary = (one: Grant): string => plain(`${one.id}  ${one.status}  ${whoOf(one)}  ${one.connection_id}`)

const proposed = (one: Grant): string => `${summary(one)}${one.task_id === null ? '' : `\npeople are asked in ${one.task_id}`}`

const described = (one: Grant): string =>
  [
    summary(one),
    ...one.rules.map((rule) => `  ${plain(ruleLine(rule))}`),
    ...(one.rules.length === 0 ? ['  no rule: it lets nothing out'] : []),
    `from ${one.starts_at} to ${one.expires_at}`,
    `used ${one.uses}${one.max_uses === null ? '' : ` of ${one.max_uses}`} times`,
    ...(one.reason === '' ? [] : [`reason: ${plain(one.reason)}`]),
    ...(one.status_cause === null ? [] : [`cause: ${plain(one.status_cause)}`]),
    ...(one.task_id === null ? [] : [`asked in ${one.task_id}`]),
  ].join('\n')
