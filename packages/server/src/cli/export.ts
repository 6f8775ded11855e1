// countersign export: the one way in which a stored credential leaves (V16): by a person who signs in for it, with a reason, where the tenant has switched it on. The
// only command that prints a secret. What could renew or sign never leaves, whoever asks.
import type { Command } from 'commander'
import { usage } from './output.ts'
import { asPerson, type SignIn, withSignIn } from './person.ts'
import type { Door } from './tasks.ts'
import { type Connection, connectionNamed, nameOf } from './which-connection.ts'

const EXAMPLES = `
Each field leaves an event with your reason. It asks for your password: a key does not prove that you are there.

Examples:
  $ countersign export openai --reason "moving the batch host"
  $ eval "$(countersign export openai --format shell --reason "a session by hand")"
  $ countersign export twilio --field auth_token --format json --reason "a call to their support"
`

const FORMATS = ['env', 'json', 'shell', 'dotenv'] as const
type Format = (typeof FORMATS)[number]
type Options = SignIn & { name?: string; field?: string[]; format: string; reason?: string }

export function exportCommand(program: Command, door: Door): void {
  withSignIn(
    program
      .command('export <provider>')
      .description('take fields of a stored credential out; the one command that prints a secret'),
  )
    .option('--name <name>', 'of the connection; default unless given')
    .option('--field <field...>', 'which; what programs read from variables unless given')
    .option('--format <format>', 'env, json, shell or dotenv', 'env')
    .option('--reason <text>', 'why; it stands in the record')
    .addHelpText('after', EXAMPLES)
    .action((provider: string, options: Options) => exported(door, provider, options))
}

async function exported(door: Door, provider: string, { name, field, format, reason, ...signIn }: Options): Promise<void> {
  if (!isFormat(format)) throw usage(`--format is one of ${FORMATS.join(', ')}.`)
  if (reason === undefined || reason.trim() === '') throw usage('Say why with --reason: it stands in the record.')
  const output = door.output()
  const one = await connectionNamed(door, name === undefined ? provider : `${provider}:${name}`)
  const fields = field ?? (await usualFields(door, one))
  const body = { fields, format: output.json ? 'json' : format, reason }
  const text = await asPerson(door, signIn, (person) => person('POST', `/connections/${one.id}/export`, body))
  output.stderr(`These are secrets of ${nameOf(one)}. Whoever reads them can use them until they are revoked.\n`)
  if (!output.json) return output.stdout(text)
  output.stdout(`${JSON.stringify({ v: 1, connection_id: one.id, fields: JSON.parse(text) })}\n`)
}

const isFormat = (text: string): text is Format => (FORMATS as readonly string[]).includes(text)

/** What the definition calls a variable, else the fields of its form, else the token of a sign-in. */
async function usualFields(door: Door, { provider }: Connection): Promise<string[]> {
  const { definition } = await door.client().call('GET /providers/:name', { params: { name: provider } })
  const { env = {}, api_key: form } = (definition ?? {}) as {
    env?: Record<string, string>
    api_key?: { fields?: { name: string }[] }
  }
  const named = [...new Set(Object.values(env))]
  if (named.length > 0) return named
  return form?.fields?.map((one) => one.name) ?? ['access_token']
}
