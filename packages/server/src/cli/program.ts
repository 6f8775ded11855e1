// Every command that there is, on one program: what the terminal runs, and what pages that print commands are held against. Runs nothing by itself.
// Loads no room of the server: what a command needs to act beside one (its database, its engine, its rooms) stands in beside/ and is imported as it acts, so that
// a command that only talks to a server starts as fast as its client (test/cli/load.test.ts).
import { Command } from 'commander'
import { version } from '../main/version.ts'
import { agentsCommand } from './agents.ts'
import { auditCommand, receiptCommand } from './audit.ts'
import { callbacksCommand } from './callbacks.ts'
import { channelsCommand } from './channels.ts'
import { connectionsCommand } from './connections.ts'
import { databaseCommands } from './database.ts'
import { deadLettersCommand } from './dead-letters.ts'
import { devCommand } from './dev.ts'
import { doctorCommand } from './doctor.ts'
import { embedCommand } from './embed.ts'
import { evidenceCommand } from './evidence.ts'
import { exportCommand } from './export.ts'
import { formsCommand } from './forms.ts'
import { globalFlags, throwEverywhere } from './global-flags.ts'
import { grantsCommand } from './grants.ts'
import { importCommand } from './import-env.ts'
import { jobsCommand } from './jobs.ts'
import { keyringCommand } from './keyring.ts'
import { keysCommand } from './keys.ts'
import { logCommand } from './log.ts'
import { loginCommand } from './login.ts'
import { mailCommand } from './mail.ts'
import { onboardCommand } from './onboard.ts'
import type { Output } from './output.ts'
import { policiesCommand } from './policies.ts'
import { profilesCommand } from './profiles.ts'
import { providersCommand } from './providers.ts'
import { proxyCommand } from './proxy.ts'
import { queueCommand } from './queue.ts'
import { kindsCommand, queuesCommand } from './queues.ts'
import { relayCommand } from './relay.ts'
import { availabilityCommand, peopleCommand, poolsCommand, routingCommand } from './routing.ts'
import { runCommand } from './run.ts'
import { runsCommand } from './runs.ts'
import { schedulesCommand } from './schedules.ts'
import { serveCommand } from './serve.ts'
import { settingsCommands } from './settings.ts'
import { logoutCommand } from './sign-in.ts'
import { slackCommand } from './slack.ts'
import { tasksCommand } from './tasks.ts'
import { breakGlassCommand, tenantsCommand } from './tenants.ts'
import { askTerminal } from './terminal.ts'
import { vaultCommand } from './vault.ts'
import { compatKeyCommand, verifierCommand } from './verifiers.ts'
import { deliveriesCommand, endpointsCommand, replaysCommand } from './webhooks.ts'
import { whoamiCommand } from './whoami.ts'
import { workersCommand } from './workers.ts'

const HELP = `
Start here:
  $ countersign dev                 a server of your own: database, dashboard, a key for an agent
  $ countersign tasks list          what waits for an answer
  $ countersign doctor              what is wrong, and how to mend it

Commands that talk to a server use --server, else COUNTERSIGN_URL, and the key in COUNTERSIGN_KEY; or a profile; else
what \`countersign login\` signed in to last; else the \`countersign dev\` that runs on this machine. A key never stands
in a command. Every command takes the options above, and ends with a number that docs/cli/exit-codes.md explains.
`

export type CommandLine = { program: Command; output(): Output }

export function commandLine(): CommandLine {
  const program = new Command('countersign')
    .description('A control plane for AI agents: an agent asks, policy decides, a human countersigns what matters.')
    .version(version())
    .addHelpText('after', HELP)
    .exitOverride()
  const { output, client } = globalFlags(program)
  const door = { client, output, ask: askTerminal }

  devCommand(program, output)
  serveCommand(program, output)
  tasksCommand(program, door)
  agentsCommand(program, door)
  keysCommand(program, door)
  keyringCommand(program, door)
  jobsCommand(program, door)
  policiesCommand(program, door)
  providersCommand(program, door)
  loginCommand(program, door)
  logoutCommand(program, door)
  onboardCommand(program, door)
  connectionsCommand(program, door)
  grantsCommand(program, door)
  runsCommand(program, door)
  logCommand(program, door)
  vaultCommand(program, door)
  exportCommand(program, door)
  importCommand(program, door)
  whoamiCommand(program, door)
  runCommand(program, door)
  queuesCommand(program, door)
  kindsCommand(program, door)
  schedulesCommand(program, door)
  deadLettersCommand(program, door)
  workersCommand(program, door)
  endpointsCommand(program, door)
  deliveriesCommand(program, door)
  replaysCommand(program, door)
  relayCommand(program, door)
  channelsCommand(program, door)
  mailCommand(program, door)
  slackCommand(program, door)
  embedCommand(program, door)
  poolsCommand(program, door)
  peopleCommand(program, door)
  routingCommand(program, door)
  availabilityCommand(program, door)
  auditCommand(program, door)
  receiptCommand(program, door)
  evidenceCommand(program, door)
  verifierCommand(program, door)
  formsCommand(program, door)
  compatKeyCommand(program, door)
  tenantsCommand(program, door)
  proxyCommand(program, door)
  profilesCommand(program, output)
  breakGlassCommand(program, door)
  settingsCommands(program, output)
  databaseCommands(program, output)
  doctorCommand(program, door)
  callbacksCommand(program, output)
  queueCommand(program, door)
  throwEverywhere(program)
  return { program, output }
}
