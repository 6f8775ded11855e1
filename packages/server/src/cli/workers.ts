// countersign workers …, countersign health: who works, and whether the engine is well.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

type Worker = RouteAnswer<'GET /workers/:id'>

export function workersCommand(program: Command, door: Door): void {
  const workers = program.command('workers').description('processes that run jobs')
  workers
    .command('list')
    .description('every worker')
    .action(async () =>
      print(door.output(), await door.client().call('GET /workers'), ({ data }) =>
        table(
          data.map((one) => [plain(one.id), one.alive ? 'alive' : 'lost', plain(one.version), plain(one.queues.join(', '))]),
          ['ID', 'STATE', 'VERSION', 'QUEUES'],
          'No worker runs.',
        ),
      ),
    )
  workers
    .command('get <id>')
    .description('one worker with its kinds')
    .action(async (id: string) =>
      print(door.output(), await door.client().call('GET /workers/:id', { params: { id } }), describe),
    )
  program
    .command('health')
    .description('how the queue stands; exit code 20 when something is wrong')
    .action(async () => {
      const state = await door.client().call('GET /maintenance')
      print(door.output(), state, health)
      if (!isWell(state)) process.exitCode = 20
    })
}

const describe = (worker: Worker): string =>
  [
    `${plain(worker.id)}  ${worker.alive ? 'alive' : 'lost'}`,
    `version   ${plain(worker.version)}`,
    `since     ${worker.started_at}, seen ${worker.beat_at}`,
    `queues    ${plain(worker.queues.join(', '))}`,
    `kinds     ${plain(worker.kinds.join(', '))}`,
  ].join('\n')

type Maintenance = RouteAnswer<'GET /maintenance'>

const isWell = ({ leads, workers, degraded }: Maintenance): boolean => leads && workers > 0 && degraded.length === 0

const health = (state: Maintenance): string =>
  [
    isWell(state) ? 'The queue is well.' : 'The queue is not well.',
    state.leads ? 'maintenance  led by a process' : 'maintenance  led by nobody: start one with the role maintenance',
    state.workers > 0 ? `workers      ${state.workers}` : 'workers      none: start one with the role worker',
    ...(state.schema_version === state.expected_schema_version
      ? []
      : [`schema       ${state.schema_version ?? 'unknown'}, expected ${state.expected_schema_version}`]),
    ...(state.degraded.length > 0 ? [`degraded     ${state.degraded.map(plain).join(', ')}`] : []),
  ].join('\n')
