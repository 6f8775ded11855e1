// countersign jobs …: work of the queue in a terminal. Every command is one call of the API; what may be done is the server's answer.
import type { RouteAnswer, RouteBody, RouteQuery } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm, targetOf } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseNumber, parseSeconds, parseTime, refuseWord } from './words.ts'

const EXAMPLES = `
Examples:
  $ countersign jobs list --state failed
  $ countersign jobs enqueue report.build --payload '{"month":"2026-01"}' --wait 30
  $ countersign jobs timeline job_01J…
  $ countersign jobs dump-run job_01J… --attempt 2
  $ countersign jobs retry job_01J…
`

type Job = RouteAnswer<'GET /jobs/:id'>
type Row = RouteAnswer<'GET /jobs'>['data'][number]

export function jobsCommand(program: Command, door: Door): void {
  const jobs = program.command('jobs').description('list, enqueue, retry and cancel jobs').addHelpText('after', EXAMPLES)
  reads(jobs, door)
  acts(jobs, door)
}

type ListOptions = Record<
  'state' | 'kind' | 'queue' | 'tag' | 'schedule' | 'uniqueKey' | 'q' | 'since' | 'until',
  string | undefined
> & {
  limit: string
  cursor?: string
}

function reads(jobs: Command, door: Door): void {
  jobs
    .command('list')
    .description('jobs that you may see, newest first')
    .option('--state <state>', 'scheduled, retrying, blocked, ready, running, waiting, completed, failed, cancelled')
    .option('--kind <kind>', 'of one kind')
    .option('--queue <queue>', 'of one queue')
    .option('--tag <tag>', 'with this tag')
    .option('--schedule <name>', 'made by this schedule')
    .option('--unique-key <key>', 'with this unique key')
    .option('--q <text>', 'part of an id, kind, queue, tag or key')
    .option('--since <time>', 'enqueued at or after this time, or so long ago: 2h')
    .option('--until <time>', 'enqueued before this time')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(async ({ uniqueKey, since, until, limit, ...rest }: ListOptions) => {
      const query = {
        ...rest,
        unique_key: uniqueKey,
        since: past('--since', since),
        until: past('--until', until),
        limit: parseNumber('--limit', limit),
      }
      const page = await door.client().call('GET /jobs', { query: query as RouteQuery<'GET /jobs'> })
      print(door.output(), page, listed)
    })
  jobs
    .command('get <id>')
    .description('one job with its content and errors')
    .action(async (id: string) => print(door.output(), await door.client().call('GET /jobs/:id', { params: { id } }), describe))
  jobs
    .command('timeline <id>')
    .description('every transition of a job, oldest first')
    .action(async (id: string) =>
      print(door.output(), await door.client().call('GET /jobs/:id/timeline', { params: { id } }), timeline),
    )
  jobs
    .command('result <id>')
    .description('how a job ended')
    .option('--wait <seconds>', 'wait for its end, at most 30 seconds', '0')
    .action(async (id: string, { wait }: { wait: string }) => {
      const seconds = parseNumber('--wait', wait)
      print(door.output(), await resultOf(door, id, seconds), told)
    })
  jobs
    .command('dump <id>')
    .description('all that is known of a job and its transitions, as JSON: for a ticket, or to compare')
    .action(async (id: string) => print(door.output(), await dumped(door, id), asJson))
  jobs
    .command('dump-run <id>')
    .description('one attempt of a job: its transitions and errors, as JSON')
    .requiredOption('--attempt <n>', 'which; an attempt that was snoozed or parked and taken up again has several parts')
    .action(async (id: string, { attempt }: { attempt: string }) =>
      print(door.output(), runOf(await dumped(door, id), parseNumber('--attempt', attempt)), asJson),
    )
}

const asJson = (value: unknown): string => JSON.stringify(value, null, 2)

async function dumped(door: Door, id: string): Promise<{ job: Job; timeline: Transition[] }> {
  const params = { id }
  const [job, { data }] = await Promise.all([
    door.client().call('GET /jobs/:id', { params }),
    door.client().call('GET /jobs/:id/timeline', { params }),
  ])
  return { job, timeline: data }
}
type Transition = RouteAnswer<'GET /jobs/:id/timeline'>['data'][number]

function runOf({ job, timeline }: { job: Job; timeline: Transition[] }, attempt: number) {
  const transitions = timeline.filter((one) => one.attempt === attempt && attempt > 0)
  if (transitions.length === 0)
    throw refuseWord('--attempt', 'attempt', `is none that is kept of this job; it had ${job.attempt}`)
  const errors = job.errors.filter((one) => one.attempt === attempt)
  return { job_id: job.id, kind: job.kind, attempt, worker: transitions.at(-1)?.worker ?? null, transitions, errors }
}

/** A time, or how long ago. */
const past = (option: string, text: string | undefined): string | undefined => {
  if (text === undefined) return undefined
  const ago = /^\d+[smhd]$/.test(text)
  return ago ? new Date(Date.now() - parseSeconds(option, text) * 1000).toISOString() : parseTime(option, text, Date.now())
}

const resultOf = (door: Door, id: string, wait: number) =>
  door.client().call('GET /jobs/:id/result', { params: { id }, query: { wait }, attemptMs: (wait + 10) * 1000 })

type EnqueueOptions = Record<
  'payload' | 'queue' | 'priority' | 'runAt' | 'maxAttempts' | 'uniqueKey' | 'onConflict' | 'wait',
  string | undefined
> & {
  tag?: string[]
}

function acts(jobs: Command, door: Door): void {
  jobs
    .command('enqueue <kind>')
    .description('a new job of a kind that some worker declared')
    .option('--payload <json>', 'what it is about')
    .option('--queue <queue>', 'another queue than the kind’s')
    .option('--priority <n>', '1 (urgent) to 4')
    .option('--run-at <time>', 'not before this time, or so long from now: 10m')
    .option('--max-attempts <n>', 'how often it is tried')
    .option('--unique-key <key>', 'one job at a time has this key')
    .option('--on-conflict <how>', 'reject, return or replace')
    .option('--tag <tag...>', 'words to find it by')
    .option('--wait <seconds>', 'wait for its end, at most 30 seconds, and print how it ended')
    .action(async (kind: string, options: EnqueueOptions) => {
      const job = await door.client().call('POST /jobs', { body: newJob(kind, options) })
      if (options.wait === undefined) return print(door.output(), job, describe)
      door.output().stderr(`enqueued ${job.id}\n`)
      print(door.output(), await resultOf(door, job.id, parseNumber('--wait', options.wait)), told)
    })
  jobs
    .command('retry <id>')
    .description('run a failed or cancelled job again, or one that waits for its time now')
    .option('--queue <queue>', 'in another queue')
    .option('--priority <n>', 'with another priority')
    .option('--payload <json>', 'with another payload')
    .action(async (id: string, { queue, priority, payload }: { queue?: string; priority?: string; payload?: string }) => {
      const body = { queue, priority: number('--priority', priority), payload: json('--payload', payload) }
      print(door.output(), await door.client().call('POST /jobs/:id/retry', { params: { id }, body }), describe)
    })
  jobs
    .command('cancel <id>')
    .description('cancel a job; the worker of a running one is asked to stop')
    .option('--reason <text>', 'what the record says')
    .option('--yes', 'do not ask')
    .action(async (id: string, { reason, yes }: { reason?: string; yes?: true }) => {
      await confirm(door, `Cancel ${id}`, targetOf(door.client().settings.url), yes)
      print(door.output(), await door.client().call('POST /jobs/:id/cancel', { params: { id }, body: { reason } }), describe)
    })
  jobs
    .command('reschedule <id> <time>')
    .description('give a job that waits another time: 2026-01-31T12:00:00Z, or 15m from now')
    .action(async (id: string, time: string) => {
      const body = { run_at: parseTime('<time>', time, Date.now()) }
      print(door.output(), await door.client().call('POST /jobs/:id/reschedule', { params: { id }, body }), describe)
    })
}

const number = (option: string, text: string | undefined) => (text === undefined ? undefined : parseNumber(option, text))
const json = (option: string, text: string | undefined) =>
  text === undefined ? undefined : (parseJson(option, text) as RouteBody<'POST /jobs'>['payload'])

const newJob = (kind: string, options: EnqueueOptions): RouteBody<'POST /jobs'> => ({
  kind,
  payload: json('--payload', options.payload),
  queue: options.queue,
  priority: number('--priority', options.priority),
  run_at: options.runAt === undefined ? undefined : parseTime('--run-at', options.runAt, Date.now()),
  max_attempts: number('--max-attempts', options.maxAttempts),
  unique_key: options.uniqueKey,
  on_conflict: options.onConflict as RouteBody<'POST /jobs'>['on_conflict'],
  tags: options.tag,
})

const rowOf = (job: Row): string[] => [
  job.id,
  job.state,
  plain(job.kind),
  plain(job.queue),
  `${job.attempt}/${job.max_attempts}`,
  job.state === 'scheduled' || job.state === 'retrying' ? job.run_at : (job.finished_at ?? job.enqueued_at),
]

export const listed = ({ data, next_cursor }: { data: Row[]; next_cursor: string | null }): string =>
  table(data.map(rowOf), ['ID', 'STATE', 'KIND', 'QUEUE', 'ATTEMPT', 'WHEN'], 'No job matches.') +
  (next_cursor === null ? '' : `More: --cursor ${next_cursor}\n`)

const shown = (value: unknown): string => plain(JSON.stringify(value))

export function describe(job: Job): string {
  const error = job.errors.at(-1)
  const lines = [
    `${job.id}  ${job.state}${job.state_reason ? ` (${plain(job.state_reason)})` : ''}`,
    `kind      ${plain(job.kind)} in ${plain(job.queue)}, priority ${job.priority}`,
    `attempt   ${job.attempt} of ${job.max_attempts}`,
    job.payload === null ? '' : `payload   ${shown(job.payload)}`,
    job.state === 'scheduled' || job.state === 'retrying' ? `due       ${job.run_at}` : '',
    job.unique_key === null ? '' : `unique    ${plain(job.unique_key)}`,
    job.tags.length === 0 ? '' : `tags      ${plain(job.tags.join(', '))}`,
    job.cancel_requested_at === null ? '' : `cancel    asked at ${job.cancel_requested_at}`,
    error ? `error     ${plain(error.reason)}${error.error ? `: ${plain(error.error)}` : ''}` : '',
    job.output === null ? '' : `output    ${shown(job.output)}`,
  ]
  return lines.filter(Boolean).join('\n')
}

const timeline = ({ data }: RouteAnswer<'GET /jobs/:id/timeline'>): string =>
  table(
    data.map((one) => [
      one.at,
      one.what,
      one.attempt === null ? '' : `attempt ${one.attempt}`,
      one.actor === null ? '' : one.actor.type === 'worker' ? 'a worker' : plain(one.actor.id),
      plain([one.reason, one.error].filter(Boolean).join(': ')),
    ]),
    ['AT', 'WHAT', 'ATTEMPT', 'BY', 'WHY'],
    'Nothing is kept of it.',
  )

const told = (result: RouteAnswer<'GET /jobs/:id/result'>): string =>
  [
    `${result.id}  ${result.state}${result.reason ? ` (${plain(result.reason)})` : ''}`,
    result.output === null ? '' : `output    ${shown(result.output)}`,
    result.error === null ? '' : `error     ${plain(result.error)}`,
  ]
    .filter(Boolean)
    .join('\n')
