// countersign channels …: the ways in which people are told, whether each gets through, and in which form notices come to endpoints.
import type { RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

type Form = RouteBody<'PUT /channels/webhook/templates/:endpoint'>['template']

const EXAMPLES = `
Examples:
  $ countersign channels list
  $ countersign channels form whe_01J… teams
  $ countersign channels test whe_01J…
  $ countersign mail test main --to me@example.com
  $ countersign slack test '#finance'
`

export function channelsCommand(program: Command, door: Door): void {
  const channels = program
    .command('channels')
    .description('the ways in which people are told, and whether each gets through')
    .addHelpText('after', EXAMPLES)
  channels
    .command('list')
    .description('each channel: whether it is set up, and what failed last')
    .action(async () =>
      print(door.output(), await door.client().call('GET /channels'), ({ data }) =>
        table(
          data.map((one) => [
            one.channel,
            one.ready ? 'ready' : 'not set up',
            String(one.failed),
            one.last_sent_at ?? '–',
            plain(one.last_reason ?? '–'),
          ]),
          ['CHANNEL', 'STATE', 'FAILED IN A DAY', 'LAST SENT', 'LAST FAULT'],
          'There is no channel.',
        ),
      ),
    )
  channels
    .command('forms')
    .description('endpoints to which notices come in another form than raw')
    .action(async () =>
      print(door.output(), await door.client().call('GET /channels/webhook/templates'), ({ data }) =>
        table(
          data.map((one) => [one.endpoint_id, one.template]),
          ['ENDPOINT', 'FORM'],
          'Notices come to every endpoint as data (raw).',
        ),
      ),
    )
  channels
    .command('form <endpoint> <form>')
    .description('in which form notices come to an endpoint: raw, teams, discord or google_chat')
    .action(async (endpoint: string, form: string) => {
      const call = { params: { endpoint }, body: { template: form as Form } }
      const chosen = await door.client().call('PUT /channels/webhook/templates/:endpoint', call)
      print(door.output(), chosen, ({ endpoint_id, template }) => `${endpoint_id}  ${template}`)
    })
  channels
    .command('test <endpoint>')
    .description('send a test notice to an endpoint now')
    .option('--form <form>', 'in this form, whatever the endpoint has')
    .action(async (endpoint: string, { form }: { form?: string }) => {
      const body = { endpoint, ...(form === undefined ? {} : { template: form as Form }) }
      const said = await door.client().call('POST /channels/webhook/test', { body })
      print(door.output(), said, ({ sent, status, reason }) =>
        sent ? `sent; the endpoint answered ${status}` : `not sent: ${plain(reason ?? '')}`,
      )
      if (!said.sent) process.exitCode = 20
    })
}
