// A release that waits for a person in Slack: the question stands in a channel as a message with a form behind a button, and whoever answers there is named. Killed and started
// again it finds its question, and the answer if there is one by then; the message is not sent twice.
import { awaitHuman } from '@countersign/sdk'
import { z } from 'zod'

const [channel = '#releases', version = '4.2.0'] = process.argv.slice(2)

const { response, decisions } = await awaitHuman.decision({
  task: `Release ${version} to production?`,
  description: 'The staging run is green. 3 migrations, none of them breaking.',
  payload: { version, commits: 14, tests: '2,311 passed', rollback: 'one command, under a minute' },
  response: z.object({
    release: z.boolean().describe('Release it?'),
    window: z.enum(['now', 'tonight']).describe('When'),
    note: z.string().max(200).optional().describe('Anything the team should know'),
  }),
  verdict: { pointer: '/release', approve: [true], deny: [false] },
  notify: [`slack:${channel}`],
  // What this release is called in our own books: asked again under it, it is the same question.
  idempotencyKey: `release-${version}`,
  timeout: '8h',
  onTimeout: { default: { release: false, window: 'tonight', note: 'Nobody answered in time.' } },
})

const by = decisions.find(({ state }) => state === 'counted')?.display_name ?? 'the deadline'
console.log(response?.release ? `releasing ${version} ${response.window}, agreed by ${by}` : `not releasing ${version}: ${by}`)
if (response?.note) console.log(`note: ${response.note}`)
