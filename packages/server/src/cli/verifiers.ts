// countersign verifier, compat-key …: what checks answers, and the key that signs posts to callback addresses. Keys of providers
// are read from standard input, where no list of processes shows them.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { jsonOrFile } from './forms.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseTime } from './words.ts'

const EXAMPLES = `
Examples:
  $ countersign verifier keys put openai --provider openai --model gpt-5-mini < key.txt
  $ countersign verifier add "Names a customer" --config '{"provider":"openai","instructions":"The note names the customer."}'
  $ countersign verifier test ver_01J… --response '{"note":"for Ann"}'
`

type Verifier = RouteAnswer<'GET /verifiers/:id'>
type Trial = RouteAnswer<'POST /verifiers/:id/test'>
type ProviderKey = RouteBody<'PUT /provider-keys/:name'>

export function verifierCommand(program: Command, door: Door): void {
  const verifier = program.command('verifier').description('what checks answers before they count').addHelpText('after', EXAMPLES)
  verifier
    .command('list')
    .description('stored verifiers, newest first')
    .action(async () => {
      const page = await door.client().verifiers.list()
      print(door.output(), page, ({ data }) =>
        table(data.map(row), ['ID', 'PROVIDER', 'VERSION', 'NAME'], 'No verifier is stored.'),
      )
    })
  verifier
    .command('add <name>')
    .description('store a verifier')
    .requiredOption('--config <json>', 'what it is: {"provider": …, "instructions": …}, or the name of a file that holds it')
    .action(async (name: string, { config }: { config: string }) => {
      const body = { name, config: jsonOrFile('--config', config) as object }
      print(door.output(), await door.client().verifiers.create(body), (made) => `${made.id}  ${plain(made.name)}`)
    })
  verifier
    .command('remove <id>')
    .description('remove a stored verifier; tasks that have it keep it')
    .action(async (id: string) => {
      await door.client().verifiers.remove(id)
      print(door.output(), { id, removed: true }, () => `${id} is removed.`)
    })
  verifier
    .command('test <id>')
    .description('ask it about one answer; nothing is stored. Exit code 1: it refused, or could not be asked')
    .option('--response <json>', 'the answer')
    .option('--payload <json>', 'what the answer is about')
    .option('--task <text>', 'the question')
    .option('--text <text>', 'an answer in free text, in place of --response')
    .action(async (id: string, given: { response?: string; payload?: string; task?: string; text?: string }) => {
      const body = {
        task: given.task,
        response: given.response === undefined ? undefined : (parseJson('--response', given.response) as object),
        payload: given.payload === undefined ? undefined : (parseJson('--payload', given.payload) as object),
        raw_text: given.text,
      }
      const trial = await door.client().verifiers.test(id, body)
      print(door.output(), trial, describe)
      if (trial.passed !== true) process.exitCode = 20
    })
  keysCommand(verifier, door)
}

const row = ({ id, config, version, name }: Verifier): string[] => [
  id,
  String((config as { provider?: unknown }).provider),
  String(version),
  plain(name),
]

function describe({ passed, reason, field_errors, unavailable, input_tokens, output_tokens, cost }: Trial): string {
  const lines = [
    passed === null ? `no verdict  ${plain(unavailable ?? '')}` : passed ? 'passed' : `refused   ${plain(reason ?? '')}`,
    ...field_errors.map(({ path, message }) => `  ${plain(path)}: ${plain(message)}`),
    `tokens    ${input_tokens} in, ${output_tokens} out${cost === null ? '' : `, ${cost} USD`}`,
  ]
  return lines.join('\n')
}

function keysCommand(verifier: Command, door: Door): void {
  const keys = verifier.command('keys').description('keys of model providers, by name; never their text')
  keys
    .command('list')
    .description('their names, and where each goes')
    .action(async () =>
      print(door.output(), await door.client().providerKeys.list(), ({ data }) =>
        table(
          data.map((one) => [
            one.name,
            one.provider,
            one.model ?? '–',
            one.base_url ?? 'the provider’s own',
            one.is_default ? 'default' : '',
          ]),
          ['NAME', 'PROVIDER', 'MODEL', 'ADDRESS', ''],
          'No key is kept.',
        ),
      ),
    )
  keys
    .command('put <name>')
    .description('keep a key, read from standard input, under a name')
    .requiredOption('--provider <name>', 'anthropic, openai, gemini, azure_openai or openai_compatible')
    .option('--base-url <url>', 'where it goes, and nowhere else')
    .option('--model <name>', 'the model where a verifier names none')
    .option('--default', 'for verifiers that name no key')
    .option('--no-key', 'there is none: a server of your own that wants none')
    .action(async (name: string, given: { provider: string; baseUrl?: string; model?: string; default?: true; key: boolean }) => {
      const body = {
        provider: given.provider as ProviderKey['provider'],
        base_url: given.baseUrl,
        model: given.model,
        is_default: given.default,
        key: given.key ? await door.ask('Key: ') : undefined,
      }
      print(
        door.output(),
        await door.client().providerKeys.put(name, body),
        (kept) => `${kept.name} is kept for ${kept.provider}.`,
      )
    })
  keys
    .command('remove <name>')
    .description('forget a key')
    .action(async (name: string) => {
      await door.client().providerKeys.remove(name)
      print(door.output(), { name, removed: true }, () => `${name} is forgotten.`)
    })
}

type Made = RouteAnswer<'POST /compatibility-keys'>

export function compatKeyCommand(program: Command, door: Door): void {
  const keys = program
    .command('compat-key')
    .description('the key that signs posts to callback addresses, for receivers of the other clients')
  keys
    .command('list')
    .description('its versions, without the key')
    .action(async () =>
      print(door.output(), await door.client().compatibilityKeys.list(), ({ data }) =>
        table(
          data.map((one) => [String(one.version), one.origin, one.effective_at]),
          ['VERSION', 'ORIGIN', 'SIGNS FROM'],
          'No key yet: the first post makes one.',
        ),
      ),
    )
  for (const [name, what] of [
    ['create', 'a first key; printed this once'],
    ['rotate', 'a new key in place of the one that signs now; printed this once'],
  ] as const)
    keys
      .command(name)
      .description(what)
      .option('--at <time>', 'from when it signs, or how long from now: 2h')
      .action(async ({ at }: { at?: string }) => print(door.output(), await door.client().compatibilityKeys.put(from(at)), shown))
  keys
    .command('import')
    .description('the value of AWAITHUMANS_PAYLOAD_KEY that receivers hold already, read from standard input')
    .option('--at <time>', 'from when it signs, or how long from now: 2h')
    .action(async ({ at }: { at?: string }) =>
      print(door.output(), await door.client().compatibilityKeys.put({ ...from(at), key: await door.ask('Key: ') }), shown),
    )
}

const from = (at: string | undefined) => (at === undefined ? {} : { effective_at: parseTime('--at', at, Date.now()) })

const shown = ({ version, effective_at, key, secret }: Made): string =>
  [`version   ${version}, signs from ${effective_at}`, `key       ${key}`, `secret    ${secret}`].join('\n')
