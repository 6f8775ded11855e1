// What every command takes (V123), before or behind its own words: where the server is, as whom, how results and notes are said, how long it may take. Reads nothing of a
// command's own, and no key: that stands in the environment or in a profile.
import { Countersign } from '@countersign/sdk'
import { type Command, Option } from 'commander'
import { caller } from './calls.ts'
import { type Output, usage } from './output.ts'
import { profileOf } from './profiles.ts'

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

export type Globals = { output: () => Output; client: () => Countersign }

export function globalFlags(program: Command): Globals {
  program
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
  const client = () => {
    const { profile, server, url = server, timeout: seconds, verbose, logFile } = flags()
    const timeoutMs = seconds === undefined ? null : seconds * 1000
    const say = verbose ? (line: string) => void process.stderr.write(line) : null
    return new Countersign({
      ...profileOf(profile),
      ...(url !== undefined && { url }),
      ...(timeoutMs === null ? {} : { retryMs: Math.min(10_000, timeoutMs) }),
      fetch: caller({ timeoutMs, say, logFile: logFile ?? null }),
    })
  }
  program.hook('preAction', async (_program, action) => {
    // A command that asks by itself reads its own --yes.
    if (flags().yes && action.options.some((one) => one.attributeName() === 'yes')) action.setOptionValue('yes', true)
    const { tenant } = flags()
    if (tenant !== undefined) await mustBeIn(client(), tenant)
  })
  return { output, client }
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

/** The options above may stand behind a subcommand too, where people write them; its own of the same name come first. */
export function takeEverywhere(program: Command, command: Command = program): void {
  for (const child of command.commands) {
    child.exitOverride()
    for (const option of program.options.filter((one) => one.attributeName() !== 'version'))
      if (!child.options.some((own) => own.long === option.long)) {
        const hidden = Object.assign(Object.create(Object.getPrototypeOf(option)), option, { hidden: true })
        if (hidden.short && child.options.some((own) => own.short === hidden.short)) hidden.short = undefined
        child.addOption(hidden)
        child.on(`option:${option.name()}`, (value: unknown) =>
          program.setOptionValue(option.attributeName(), valueFor(option, value)),
        )
      }
    takeEverywhere(program, child)
  }
}

const valueFor = (option: Option, value: unknown): unknown => {
  if (option.negate) return false
  if (value === null || value === undefined) return true
  return option.parseArg ? option.parseArg(String(value), undefined) : value
}
