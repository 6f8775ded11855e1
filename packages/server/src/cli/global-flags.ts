// What every command takes (V123), before or behind its own words: where the server is, as whom, how results and notes are said, how long it may take. Reads nothing of a
// command's own, and no key: that stands in the environment, in a profile or in what somebody signed in to.
import { Countersign } from '@countersign/sdk'
import { type Command, Option } from 'commander'
import { processContext } from '../main/config.ts'
import { caller } from './calls.ts'
import { type Output, usage } from './output.ts'
import { profileOf } from './profiles.ts'
import { readSession, type Session } from './session.ts'

type Flags = {
  server?: string
  url?: string
  profile?: string
  tenant?: string
  json?: true
  quiet?: true
  color: boolean
  verbose?: true
  logFile?: string
  timeout?: number
  yes?: true
}

type Globals = { output: () => Output; client: () => Countersign }

export function globalFlags(program: Command): Globals {
  program
    .enablePositionalOptions()
    .option('--server <url>', 'the server to talk to, else COUNTERSIGN_URL')
    .addOption(new Option('--url <url>', 'the same').hideHelp())
    .option('--profile <name>', 'the server and key kept under this name, else COUNTERSIGN_PROFILE')
    .option('--tenant <id>', 'refuse to act in any other tenant than this')
    .option('--json', 'print the result as one JSON object, with "v":1')
    .option('--quiet', 'no notes and no progress on stderr; results and failures are always said')
    .option('--no-color', 'no colour; NO_COLOR does the same')
    .option('--verbose', 'say each call of the server on stderr')
    .option('--log-file <file>', 'write each call of the server down, a line of JSON each')
    .option('--timeout <seconds>', 'how long all calls of the command may take', timeout)
    .option('-y, --yes', 'do not ask before what cannot be taken back')

  const flags = () => program.opts<Flags>()
  const output = (): Output => ({
    // Also where the words could not be understood: whoever reads JSON reads the refusal too.
    json: flags().json === true || isAskedForJson(),
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void (flags().quiet || process.stderr.write(text)),
  })
  let session: Session | null = null
  const client = () => {
    const { profile, server, url = server, timeout: seconds, verbose, logFile } = flags()
    const timeoutMs = seconds === undefined ? null : seconds * 1000
    const say = verbose ? (line: string) => void process.stderr.write(line) : null
    return new Countersign({
      ...(session && { url: session.url, key: session.key }),
      ...profileOf(profile),
      ...(url !== undefined && { url }),
      ...(timeoutMs === null ? {} : { retryMs: Math.min(10_000, timeoutMs) }),
      fetch: caller({ timeoutMs, say, logFile: logFile ?? null }),
    })
  }
  program.hook('preAction', async (_program, action) => {
    // A command that asks by itself reads its own --yes.
    if (flags().yes && action.options.some((one) => one.attributeName() === 'yes')) action.setOptionValue('yes', true)
    const { tenant, profile, server, url = server } = flags()
    session = await sessionFor({ profile, url }, output())
    if (tenant !== undefined) await mustBeIn(client(), tenant)
  })
  return { output, client }
}

/** What somebody signed in to is used where no key is named: a variable and a profile say more. */
async function sessionFor({ profile, url }: { profile?: string; url?: string }, { stderr }: Output): Promise<Session | null> {
  const { env } = processContext()
  if (env.COUNTERSIGN_KEY || (profile ?? env.COUNTERSIGN_PROFILE)) return null
  const { session, fault } = await readSession(url ?? (env.COUNTERSIGN_URL || undefined))
  if (fault !== null) stderr(`The sign-in of this machine cannot be read from the keyring of the system: ${fault}.\n`)
  return session
}

function timeout(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds <= 86_400)) throw usage('--timeout is a number of seconds, at most a day.')
  return seconds
}

function isAskedForJson(): boolean {
  const end = process.argv.indexOf('--')
  return process.argv.slice(2, end < 0 ? undefined : end).includes('--json')
}

/** A key belongs to one tenant; this says so before anything is done in the wrong one. */
async function mustBeIn(client: Countersign, tenant: string): Promise<void> {
  const { tenant_id: own } = await client.call('GET /principal')
  if (own !== tenant) throw usage(`Your key belongs to ${own}, and not to ${tenant}: use --profile.`)
}

const optionOf = (command: Command, word: string): Option | undefined => {
  const [name] = word.split('=')
  return command.options.find((one) => one.long === name || one.short === name)
}

/**
 * The words with these options in front, where people may have written them behind: a command that has one of the same name takes its own, and no command is handed
 * one that is not its own. What stands behind `--` is somebody else's.
 */
export function globalsFirst(program: Command, words: readonly string[]): string[] {
  const end = words.indexOf('--')
  const [ours, theirs] = end < 0 ? [words, []] : [words.slice(0, end), words.slice(end)]
  const [front, rest]: [string[], string[]] = [[], []]
  let command = program
  for (let at = 0; at < ours.length; at++) {
    const word = ours[at] as string
    if (!word.startsWith('-') || word === '-') {
      command = command.commands.find((one) => one.name() === word || one.aliases().includes(word)) ?? command
      rest.push(word)
      continue
    }
    const own = command === program ? undefined : optionOf(command, word)
    const option = own ?? optionOf(program, word)
    const to = own === undefined && option !== undefined ? front : rest
    to.push(word)
    const value = ours[at + 1]
    if (option?.required && !word.includes('=') && value !== undefined) {
      to.push(value)
      at++
    }
  }
  return [...front, ...rest, ...theirs]
}

/** No command ends the process by itself: what was wrong is said in one place. */
export function throwEverywhere(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride()
    throwEverywhere(child)
  }
}
