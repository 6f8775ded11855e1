// countersign slack …: the manifest of the app, connecting a workspace, a test message (T113, T147). Secrets are read from a file or a pipe, never from the command line, where
// others see them.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
Examples:
  $ countersign slack manifest > manifest.json
  $ printf '%s\\n%s\\n' "$SIGNING_SECRET" "$BOT_TOKEN" | countersign slack connect
  $ countersign slack test '#finance'
`

export function slackCommand(program: Command, door: Door): void {
  const slack = program.command('slack').description('Slack as a channel').addHelpText('after', EXAMPLES)
  slack
    .command('manifest')
    .description('the manifest of the app with the addresses of this server, to paste at api.slack.com/apps')
    .action(async () => {
      const manifest = await door.client().call('GET /channels/slack/manifest')
      print(door.output(), manifest, () => JSON.stringify(manifest, null, 2))
    })
  slack
    .command('connect')
    .description('save the signing secret of the app and connect the workspace of a bot token')
    .option('--secrets <file>', 'two lines: the signing secret, the bot token; "-" is what is piped in', '-')
    .option('--app <id>', 'the id of the app at Slack, such as A0123ABCD')
    .action(async ({ app, secrets }: { app?: string; secrets: string }) => {
      const text = readFileSync(secrets === '-' ? 0 : secrets, 'utf8')
      const [signing_secret = '', bot_token = ''] = text.split('\n').map((line) => line.trim())
      const client = door.client()
      await client.call('PUT /channels/slack/app', { body: { signing_secret, ...(app === undefined ? {} : { app_id: app }) } })
      const made = await client.call('POST /channels/slack/installations', { body: { bot_token } })
      print(door.output(), made, ({ team_id, team_name }) => `${team_id}  ${plain(team_name)} is connected.`)
    })
  slack
    .command('list')
    .description('connected workspaces')
    .action(async () =>
      print(door.output(), await door.client().call('GET /channels/slack/installations'), ({ data }) =>
        table(
          data.map((one) => [one.team_id, one.state, one.via, plain(one.team_name)]),
          ['TEAM', 'STATE', 'BY', 'NAME'],
          'No workspace is connected: countersign slack connect',
        ),
      ),
    )
  slack
    .command('members <team>')
    .description('who is in a workspace, and who they are here')
    .action(async (team: string) =>
      print(
        door.output(),
        await door.client().call('GET /channels/slack/installations/:team/members', { params: { team } }),
        ({ data }) =>
          table(
            data.map((one) => [
              one.slack_user_id,
              `@${plain(one.handle)}`,
              one.user_id ?? 'not known yet',
              plain(one.user_name ?? '–'),
            ]),
            ['MEMBER', 'HANDLE', 'USER', 'NAME'],
            'Nobody is there.',
          ),
      ),
    )
  slack
    .command('forget <team> <member>')
    .description('forget who a member is here')
    .action(async (team: string, member: string) => {
      await door.client().call('DELETE /channels/slack/installations/:team/members/:member', { params: { team, member } })
      print(door.output(), { team, member, forgotten: true }, () => `${member} is nobody here until they are linked again`)
    })
  slack
    .command('disconnect <team>')
    .description('nobody is told there any more, and nothing that is pressed there counts')
    .option('-y, --yes', 'without a question')
    .action(async (team: string, { yes }: { yes?: true }) => {
      const client = door.client()
      await confirm(door, `Disconnect the workspace ${team}`, client.settings.url, yes)
      await client.call('DELETE /channels/slack/installations/:team', { params: { team } })
      print(door.output(), { team, disconnected: true }, () => `${team} is disconnected`)
    })
  slack
    .command('test <target>')
    .description('send a test message now: #channel, @handle, an id, or a mail address')
    .option('--team <id>', 'the workspace; the first that works unless said')
    .action(async (target: string, { team }: { team?: string }) => {
      const body = { target, ...(team === undefined ? {} : { team_id: team }) }
      const sent = await door.client().call('POST /channels/slack/test', { body })
      print(door.output(), sent, ({ channel, ts }) => `sent to ${channel} as ${ts}`)
    })
}
