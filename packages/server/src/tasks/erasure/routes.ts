// The routes of erasure and of how long tasks are kept: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { taskId } from '../shapes.ts'
import { Reminder } from '../time/shapes.ts'
import { deleteTask } from './erase.ts'
import { getTaskSettings, setTaskSettings } from './retention.ts'

const Settings = s.named(
  'TaskSettings',
  s.object({
    retention_days: s
      .int({ min: 1, max: 3650 })
      .describe('After a task has ended, its content is erased when so many days are over.'),
    reminders: s
      .maybe(s.array(Reminder, { max: 10 }))
      .describe('Of tasks of an hour or more that say nothing themselves; null: at half and nine tenths of their time.'),
  }),
)

export const erasureRoutes = (house: TasksHouse): Route[] => [
  route(
    'DELETE /tasks/:id',
    {
      summary: 'Erase the content of a task',
      description:
        'Its key is destroyed: nothing opens what it sealed. Id, states, times, digests and who acted remain, and the record still verifies. A task that is open is cancelled.',
      ...{ tag: 'tasks', auth: 'any', action: 'task.delete' },
      params: taskId,
      answers: { 204: null },
      problems: ['not_found', 'legal_hold'],
    },
    ({ scope, params }) => deleteTask(house, scope, params.id),
  ),
  route(
    'GET /tasks/settings',
    {
      summary: 'Read how long tasks are kept and when people are reminded',
      ...{ tag: 'tasks', auth: 'any', action: 'task.route' },
      answers: { 200: Settings },
    },
    ({ scope }) => getTaskSettings(house, scope),
  ),
  route(
    'PUT /tasks/settings',
    {
      summary: 'Change how long tasks are kept and when people are reminded',
      ...{ tag: 'tasks', auth: 'session', action: 'task.configure', stepUp: true },
      body: Settings,
      answers: { 200: Settings },
    },
    ({ scope, body }) => setTaskSettings(house, scope, body),
  ),
]
