// countersign providers …: which services can be connected, and by which definition; proposed, approved, removed. Our registration at each: provider-clients.ts.
import { readFileSync } from 'node:fs'
import { Problem, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { missingIs, plain, print, table, usage } from './output.ts'
import { type Confirmed, clientCommands, confirming, connections } from './provider-clients.ts'
import type { Door } from './tasks.ts'

type Row = RouteAnswer<'GET /providers'>['data'][number]
type Detail = RouteAnswer<'GET /providers/:name'>
type Version = RouteAnswer<'POST /providers'>
type Ended = RouteAnswer<'DELETE /providers/:name'>

const EXAMPLES = `
Examples:
  $ countersign providers list --q google
  $ countersign providers show openai --source > openai.jsonc
  $ countersign providers check acme.jsonc
  $ countersign providers add acme.jsonc --reason "our CRM"
  $ countersign providers approve acme@3f0c…
  $ LINEAR_SECRET=… countersign providers client set linear --client-id 0a1b --from-env LINEAR_SECRET
`

export function providersCommand(program: Command, door: Door): void {
  const providers = program
    .command('providers')
    .description('services that can be connected, their definitions, and our registration at each')
    .addHelpText('after', EXAMPLES)
  lookCommands(providers, door)
  proposeCommands(providers, door)
  decideCommands(providers, door)
  endCommands(providers, door)
  clientCommands(providers.command('client').description('our registration at a provider'), door)
}

function lookCommands(providers: Command, door: Door): void {
  providers
    .command('list')
    .description('bundled ones and your own, by name')
    .option('--kind <kind>', 'app, llm, mcp, cookies or custom')
    .option('--state <state>', 'available, configured, connected, overridden or proposed')
    .option('--q <words>', 'a part of a name or a host')
    .action(async (query: { kind?: Row['kind']; state?: 'connected'; q?: string }) => {
      const data: Row[] = []
      let cursor: string | undefined
      do {
        const page = await door
          .client()
          .call('GET /providers', { query: { ...query, limit: 200, ...(cursor ? { cursor } : {}) } })
        data.push(...page.data)
        cursor = page.next_cursor ?? undefined
      } while (cursor)
      print(door.output(), { data, next_cursor: null }, () => rows(data))
    })
  providers
    .command('show <name>')
    .description('a provider, or with --source the text of its definition')
    .option('--source', 'as it was written, comments and all')
    .action((name: string, { source }: { source?: true }) =>
      missingIs(4, async () => {
        const found = await door.client().call('GET /providers/:name', { params: { name } })
        print(door.output(), found, source ? ({ source: text }) => text ?? '' : detail)
      }),
    )
}

function proposeCommands(providers: Command, door: Door): void {
  providers
    .command('check <file>')
    .description('what the server says to a definition; "-" is what is piped in')
    .action(async (file: string) => {
      const checked = await door.client().call('POST /providers/check', { body: { source: readText(file) } })
      print(door.output(), checked, ({ digest, warnings }) => `${warned(warnings)}${digest}`)
    })
  const proposing = (name: string, description: string) =>
    providers
      .command(`${name} <file>`)
      .description(description)
      .option('--override', 'in place of the bundled definition of the same name')
      .option('--reason <text>', 'for whoever approves it', '')
  proposing('add', 'propose a new provider; somebody else approves it').action(
    async (file: string, options: { override?: true; reason: string }) => {
      const body = { source: readText(file), ...options }
      print(door.output(), await door.client().call('POST /providers', { body }), proposed)
    },
  )
  proposing('update', 'propose another version of a provider’s definition').action(
    (file: string, options: { override?: true; reason: string }) =>
      missingIs(4, async () => {
        const client = door.client()
        const source = readText(file)
        const { canonical } = await client.call('POST /providers/check', { body: { source } })
        const { name } = JSON.parse(canonical) as { name: string }
        print(
          door.output(),
          await client.call('PUT /providers/:name', { params: { name }, body: { source, ...options } }),
          proposed,
        )
      }),
  )
}

function decideCommands(providers: Command, door: Door): void {
  for (const [act, description] of [
    ['approve', 'put a proposed definition in force, by its exact digest'],
    ['reject', 'refuse a proposed definition'],
  ] as const)
    providers
      .command(`${act} <name@digest>`)
      .description(description)
      .option('-y, --yes', 'without a question')
      .action((which: string, { yes }: { yes?: true }) =>
        missingIs(4, async () => {
          const params = splitDigest(which)
          const client = door.client()
          const { proposals } = await client.call('GET /providers/:name', { params: { name: params.name } })
          const wanted = proposals.find(({ digest }) => digest === params.digest)
          if (wanted && !door.output().json) door.output().stderr(differences(wanted))
          await confirm(door, `${act === 'approve' ? 'Approve' : 'Reject'} ${which}`, client.settings.url, yes)
          const version = await client.call(`POST /providers/:name/versions/:digest/${act}`, { params })
          print(door.output(), version, ({ provider, version: n, state }) => `${provider} version ${n} is ${state}`)
        }),
      )
}

function endCommands(providers: Command, door: Door): void {
  providers
    .command('remove <name>')
    .description('remove your own definition; a bundled one of that name serves again')
    .option('-y, --yes', 'without a question')
    .action((name: string, { yes }: { yes?: true }) =>
      missingIs(4, () =>
        end(door, yes, `Remove the definition of ${name}`, (body) =>
          door.client().call('DELETE /providers/:name', { params: { name }, body }),
        ),
      ),
    )
  providers
    .command('revoke <name>')
    .description('end every connection of a provider')
    .option('-y, --yes', 'without a question')
    .action((name: string, { yes }: { yes?: true }) =>
      missingIs(4, () =>
        end(door, yes, `End every connection of ${name}`, (body) =>
          door.client().call('POST /providers/:name/revoke', { params: { name }, body }),
        ),
      ),
    )
}

async function end(door: Door, yes: boolean | undefined, what: string, act: (body: Confirmed) => Promise<Ended>): Promise<void> {
  print(door.output(), await confirming(door, yes, what, act), ({ provider, affected, job_id }) =>
    job_id === null ? `${provider}: done` : `${provider}: ${connections(affected.connections)} end; job ${job_id}`,
  )
}

function splitDigest(text: string): { name: string; digest: string } {
  const [, name, digest] = /^([^@]+)@([0-9a-f]{64})$/.exec(text) ?? []
  if (!name || !digest) throw usage('Write it as name@digest, with the whole digest: that is what you approve.')
  return { name, digest }
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw new Problem('request_invalid', { detail: `${file} cannot be read.` }, { cause })
  }
}

const rows = (data: Row[]): string =>
  table(
    data.map((row) => [row.name, row.state, row.kind, row.methods.join(' '), row.verified_on ?? 'not verified', originOf(row)]),
    ['NAME', 'STATE', 'KIND', 'METHODS', 'VERIFIED', 'DEFINITION'],
    'No provider matches.',
  )

const originOf = ({ bundled, overridden, proposed, version, in_force }: Row): string =>
  !in_force
    ? 'proposed'
    : `${bundled ? 'bundled' : `own, version ${version}${overridden ? ', in place of a bundled one' : ''}`}${proposed ? ', another is proposed' : ''}`

function detail({ name, provider, digest, redirect_url, client: registered, usage: use, proposals }: Detail): string {
  const lines: [string, string][] = provider
    ? [
        ['name', `${provider.display_name} (${[name, ...provider.aliases].join(', ')})`],
        ['definition', `${originOf(provider)}, ${provider.verified_on ? `verified on ${provider.verified_on}` : 'not verified'}`],
        ['digest', digest ?? ''],
        ['state', provider.state],
        ['methods', provider.methods.join(' ')],
        ['hosts', provider.hosts.join(' ')],
        ['redirect', redirect_url],
        ...registered.map((one): [string, string] => ['client', `${one.client_id ?? 'none yet'} (${one.auth})`]),
        ...(use ? [['used by', `${connections(use.connections)}, ${use.grants} grants`] as [string, string]] : []),
      ]
    : [['name', `${name}, which is proposed and not in force`]]
  const text = lines.map(([word, value]) => `${word.padEnd(10)}  ${plain(value)}\n`).join('')
  return `${text}${proposals.map((one) => `\n${proposed(one)}`).join('\n')}`
}

const warned = (warnings: Version['warnings']): string =>
  warnings.map(({ path, message }) => `warning  ${plain(path)}: ${plain(message)}\n`).join('')

const SIGNS = { added: '+', removed: '-', changed: '~' } as const
const differences = ({ difference, suspends_grants, affected, warnings }: Version): string =>
  [
    // Of what is new everything is.
    ...(difference.some(({ path }) => path === '/schema')
      ? ['+ everything: it is new\n']
      : difference.map(({ path, change }) => `${SIGNS[change]} ${plain(path)}\n`)),
    ...(suspends_grants ? [`its ${affected.grants} grants are suspended until each is confirmed\n`] : []),
    warned(warnings),
  ].join('')

const proposed = (version: Version): string =>
  `${differences(version)}${version.provider} version ${version.version} is ${version.state}; countersign providers approve ${version.provider}@${version.digest}`
