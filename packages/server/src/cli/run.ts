// countersign run -- CMD…: a command whose calls leave through the proxy, as an agent, without a secret in its hands. Returns the command's own code; what fails before
// it starts is 125, 126 or 127 (V124). Loads what it acts with as it acts.
import type { Command } from 'commander'
import { printError } from './output.ts'
import { withSignIn } from './person.ts'
import type { RunOptions } from './run/request.ts'
import type { Door } from './tasks.ts'
import { usedAgent } from './used-agent.ts'

const EXAMPLES = `
Examples:
  $ countersign run -- python agent.py
  $ countersign run --agent "Refund bot" --purpose "Nightly refunds" -- node agent.js
  $ countersign run --connection github=work -- git push
  $ countersign run --mask --mask-env DATABASE_URL -- npm test
  $ countersign run --print-env --ttl 2h > run.env        for a container (docs/proxy/run.md)

The command is given placeholders in place of credentials. It ends with the command's own code, 128 + n
where signal n ended it; 125, 126 and 127 say that it never started.
`

/** Whatever failed before the child began and was not the child’s program: 2 may be a code of the child. */
export const NOT_STARTED = 125

export function runCommand(program: Command, door: Door): void {
  const command = program
    .command('run')
    .description('run a command whose calls leave through the proxy, which adds the credentials')
    .argument('[command...]', 'behind --, with its words')
    .option('--agent <agent>', 'who runs, by id or name; an agent’s own key says it already')
    .option('--purpose <text>', 'what for, as people read it; the program’s name unless given')
    .option('--connection <provider=name>', 'which connection of a provider; may be repeated', several)
    .option('--label <label>', 'a word that policies know; may be repeated', several)
    .option('--ttl <duration>', 'the longest it may go on: 15m, 8h, 7d; 8h unless given')
    .option(
      '--wait <duration>',
      'how long requests wait for people, 0 to 600 s, unless they say so themselves; 50 s unless given',
    )
    .option('--mode <mode>', 'learn: unmatched hosts pass and are noted down; else enforce')
    .option('--no-proxy <host>', 'reached straight, as this machine is; may be repeated', several)
    .option('--clean-env', 'hand on PATH, HOME, the locale and the terminal, and no other variable')
    .option('--mask', 'cover secrets in what the command says, with one asterisk for each byte')
    .option('--mask-env <variable>', 'mask, and the value of this variable too; may be repeated', several)
    .option('--with-secret <var=conn.field>', 'export a stored value into a variable, and mask; may be repeated', several)
    .option('--pin-hosts', 'the run’s authority is good for the granted hosts and for no other name')
    .option('--trust-keychain', 'macOS: the run’s authority in the login keychain while it lasts, for Go')
    .option('--isolate', 'Linux: in a network of its own, whose only way out is the proxy; not at all where that cannot be had')
    .option('--relay', 'Linux: for Java, and for what cannot say to a proxy who it is')
    .option('--status-fd <n>', 'write how it went to this file descriptor, as one line of JSON')
    .option('--print-env', 'start nothing: print the variables for a container')
  withSignIn(command)
    .addHelpText('after', EXAMPLES)
    .action((command: string[], options: RunOptions) => act(door, command, options))
}

async function act(door: Door, command: string[], options: RunOptions): Promise<void> {
  try {
    const [{ run }, { readRequest }] = await Promise.all([import('./run/act.ts'), import('./run/request.ts')])
    const client = door.client()
    const agent = options.agent ?? usedAgent(client.settings)
    process.exitCode = await run({ door, client, output: door.output() }, readRequest(command, { ...options, agent }))
  } catch (error) {
    printError(door.output(), error)
    process.exitCode = exitOf(error)
  }
}

/** By its shape: the class is loaded with what acts. An export that is refused ends as `export` does. */
const exitOf = (error: unknown): number =>
  error instanceof Error && ['NotStarted', 'EndsWith'].includes(error.name) && 'exit' in error
    ? (error.exit as number)
    : NOT_STARTED

/** A flag that begins with `no` is true until it is given. */
const several = (text: string, before: string[] | true | undefined): string[] => [...(Array.isArray(before) ? before : []), text]
