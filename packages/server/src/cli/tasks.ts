// countersign tasks …: the inbox in a terminal. Every command is one call of the SDK; what may be done is the server's answer.
import type { Countersign, Task, TaskListItem, TaskStatus } from '@countersign/sdk'
import type { Command } from 'commander'
import { type Asking, askForm } from './answer.ts'
import { type Output, plain, print, table } from './output.ts'
import { taskSettingsCommands } from './task-settings.ts'
import { parseJson, parseSeconds } from './words.ts'

export type Door = { client: () => Countersign; output: () => Output; ask: (question: string) => Promise<string> }

const EXAMPLES = `
Examples:
  $ countersign tasks list --status open
  $ countersign tasks create "Refund order 1042?" --payload '{"amount":240}' --timeout 2h --wait
  $ countersign tasks answer task_01J… --response '{"approved":true}'
  $ countersign tasks watch

Answering needs a person's key (kind usr): no agent ever answers a task.
`

export function tasksCommand(parent: Command, door: Door): void {
  const tasks = parent.command('tasks').description('ask, list, answer and follow tasks').addHelpText('after', EXAMPLES)

  tasks
    .command('list')
    .description('tasks that you may see, newest first')
    .option('--status <status...>', 'open, completed, timed_out, cancelled')
    .option('--mine', 'only those that you hold or were asked')
    .option('--q <words>', 'words of the question, by their beginning')
    .option('--limit <n>', 'at most so many', '50')
    .action(async (options: { status?: TaskStatus[]; mine?: true; q?: string; limit: string }) => {
      const page = await door.client().tasks.list({ ...options, limit: Number(options.limit) })
      print(door.output(), page, ({ data }) => table(data.map(row), ['ID', 'STATUS', 'DUE', 'QUESTION'], 'No task matches.'))
    })

  tasks
    .command('show <id>')
    .description('one task with its content and answer')
    .action(async (id: string) => print(door.output(), await door.client().tasks.get(id), describe))

  tasks
    .command('create <question>')
    .description('ask a question as the agent of your key')
    .option('--payload <json>', 'what it is about')
    .option(
      '--schema <json>',
      'JSON Schema of the answer',
      '{"type":"object","properties":{"approved":{"type":"boolean"}},"required":["approved"]}',
    )
    .option('--timeout <duration>', 'seconds, or 90s, 15m, 2h, 3d', '1h')
    .option('--key <text>', 'idempotency key: the same key finds the same task again')
    .option('--wait', 'wait for the answer and print it')
    .action(
      async (question: string, options: { payload?: string; schema: string; timeout: string; key?: string; wait?: true }) => {
        const client = door.client()
        const task = await client.tasks.create({
          task: question,
          payload: options.payload === undefined ? undefined : (parseJson('--payload', options.payload) as object),
          response_schema: parseJson('--schema', options.schema) as object,
          timeout_seconds: parseSeconds('--timeout', options.timeout),
          idempotency_key: options.key,
        })
        if (!options.wait) return print(door.output(), task, describe)
        door.output().stderr(`waiting for an answer: ${task.url}\n`)
        let poll = await client.tasks.poll(task.id)
        while (poll.status === 'open') poll = await client.tasks.poll(task.id)
        print(door.output(), poll, ({ status, response }) => (response ? JSON.stringify(response, null, 2) : status))
      },
    )

  tasks
    .command('answer <id>')
    .description('answer a task; without --response it asks field by field')
    .option('--response <json>', 'the whole answer')
    .option('--reason <text>', 'why; needed when the task was asked of somebody else')
    .option('--text <words>', 'free text in place of an answer, for a verifier that reads it; confirm what it understood')
    .option('--on-behalf-of <person>', 'whose answer it is: an id or address; needs a key that relays decisions')
    .action(async (id: string, options: { response?: string; reason?: string; text?: string; onBehalfOf?: string }) => {
      const client = door.client()
      const task = await client.tasks.get(id)
      const { text, response: given } = options
      const said =
        text === undefined
          ? { response: (given === undefined ? await askForm(task, asking(door)) : parseJson('--response', given)) as object }
          : { raw_text: text }
      const settled = await client.tasks.decide(id, {
        type: 'respond',
        ...said,
        reason: options.reason,
        ...(options.onBehalfOf === undefined ? {} : { on_behalf_of: options.onBehalfOf }),
        seen_revision: task.revision,
      })
      print(door.output(), settled, describe)
    })

  for (const [name, what] of [
    ['claim', 'hold a task so that others leave it to you'],
    ['release', 'give a task back that you hold'],
  ] as const)
    tasks
      .command(`${name} <id>`)
      .description(what)
      .action(async (id: string) => print(door.output(), await door.client().tasks[name](id), describe))

  tasks
    .command('cancel <id>')
    .description('withdraw a question')
    .option('--reason <text>', 'what the agent reads')
    .action(async (id: string, options: { reason?: string }) =>
      print(door.output(), await door.client().tasks.cancel(id, options), describe),
    )

  tasks
    .command('comment <id> <text>')
    .description('say something about a task without answering it')
    .option('--humans', 'only people read it, not the agent')
    .action(async (id: string, text: string, { humans }: { humans?: true }) =>
      print(
        door.output(),
        await door.client().tasks.comment(id, { body: text, ...(humans ? { audience: 'humans' as const } : {}) }),
        ({ id: comment }) => `said      ${comment}`,
      ),
    )

  tasks
    .command('export')
    .description('decisions, one a line: CSV, or JSON for programs')
    .option('--format <format>', 'csv or ndjson', 'csv')
    .option('--learning', 'what was proposed and what people made of it (ndjson)')
    .action(async ({ format, learning }: { format: string; learning?: true }) => {
      const query = { format: format as 'csv' | 'ndjson', ...(learning ? { include: 'learning' as const } : {}) }
      for await (const text of door.client().tasks.export(query)) door.output().stdout(text)
    })

  tasks
    .command('override <id>')
    .description('let an answer count that its verifier has not agreed to')
    .requiredOption('--reason <text>', 'why; it stands in the record')
    .action(async (id: string, { reason }: { reason: string }) =>
      print(door.output(), await door.client().tasks.overrideVerification(id, reason), describe),
    )

  tasks
    .command('watch')
    .description('what happens to tasks, as it happens; ends with Ctrl-C')
    .action(async () => {
      const { json, stdout } = door.output()
      for await (const { event, data } of door.client().tasks.streamAll())
        stdout(
          json
            ? `${JSON.stringify(data)}\n`
            : `${data.occurred_at}  ${event}  ${String((data as { task_id?: string }).task_id ?? '')}\n`,
        )
    })

  taskSettingsCommands(tasks, door)
}

const row = (task: TaskListItem): string[] => [
  task.id,
  task.outcome ?? task.status,
  task.status === 'open' ? task.deadline_at : '–',
  plain(task.task).slice(0, 80),
]

/** Questions beside stdout, which holds the result alone. */
const asking = ({ ask, output }: Door): Asking => ({ ask, say: (line) => output().stderr(`${line}\n`) })

function refusalOf({ status, verifier_result }: Task): string {
  const { reason } = (verifier_result ?? {}) as { reason?: unknown }
  return (status === 'returned' || status === 'verification_exhausted') && typeof reason === 'string'
    ? `refused   ${plain(reason)}`
    : ''
}

function describe(task: Task): string {
  const lines = [
    `${task.id}  ${task.outcome ?? task.status}`,
    `asks      ${plain(task.task)}`,
    refusalOf(task),
    task.payload === null ? '' : `about     ${plain(JSON.stringify(task.payload))}`,
    task.status === 'open' ? `due       ${task.deadline_at}` : '',
    task.response === null ? '' : `answer    ${plain(JSON.stringify(task.response))}`,
    task.completed_by_display_name ? `by        ${plain(task.completed_by_display_name)} (${task.completed_via_channel})` : '',
  ]
  return lines.filter(Boolean).join('\n')
}
