// How a tenant wants its tasks where they do not say it themselves: how long content is kept (T57), when people are reminded (T37), what is hidden at least
// (T153), and what the other clients meet (T66). A change counts for tasks that are made from then on; the
// retention for all.
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { type Route, route, s } from '../http/route.ts'
import type { TasksHouse } from './house.ts'
import { type TaskSettings, taskSettingsIn } from './time/defaults.ts'
import { Reminder } from './time/shapes.ts'
import { putTaskDefaults } from './time/sql.ts'

const readTaskSettings = (house: Pick<TasksHouse, 'db'>, scope: Scope): Promise<TaskSettings> =>
  tx(house.db, scope, (t) => taskSettingsIn(t, scope), { readOnly: true })

const changeTaskSettings = (
  house: Pick<TasksHouse, 'db'>,
  scope: Scope,
  change: { [Name in keyof TaskSettings]?: TaskSettings[Name] | undefined },
): Promise<TaskSettings> =>
  tx(house.db, scope, async (t) => {
    const before = await taskSettingsIn(t, scope)
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    const after: TaskSettings = { ...before, ...given }
    if (JSON.stringify(after) === JSON.stringify(before)) return before
    await putTaskDefaults(t, scope, after)
    await record(t, scope, 'settings.changed', { setting: 'tasks' }, { before: told(before), after: told(after) })
    return after
  })

/** Of the reminders how many. */
const told = ({ reminders, ...rest }: TaskSettings) => ({ ...rest, reminders: reminders?.length ?? null })

const members = {
  retention_days: s
    .int({ min: 1, max: 3650 })
    .describe('After a task has ended, its content is erased when so many days are over.'),
  reminders: s
    .maybe(s.array(Reminder, { max: 10 }))
    .describe('Of tasks of an hour or more that say nothing themselves; null: at half and nine tenths of their time.'),
  redact: s
    .oneOf('none', 'notify', 'strict')
    .describe('The least that any task hides: at `notify` nothing but the title leaves the house, at `strict` not even that.'),
  compat_strict_replay: s
    .boolean()
    .describe('Whether the other clients too are refused another question under a known key, in place of getting the first one.'),
}
const Body = s.named('TaskSettings', s.object(members))

export const taskSettingsRoutes = (house: TasksHouse): Route[] => [
  route(
    'GET /tasks/settings',
    {
      summary: 'Read how long tasks are kept, when people are reminded, and what tasks hide at least',
      ...{ tag: 'tasks', auth: 'any', action: 'task.route' },
      answers: { 200: Body },
    },
    ({ scope }) => readTaskSettings(house, scope),
  ),
  route(
    'PUT /tasks/settings',
    {
      summary: 'Change how long tasks are kept, when people are reminded, and what tasks hide at least',
      description: 'What is left out stays as it is.',
      ...{ tag: 'tasks', auth: 'any', action: 'task.configure', stepUp: true },
      body: s.object({
        retention_days: s.optional(members.retention_days),
        reminders: s.optional(members.reminders),
        redact: s.optional(members.redact),
        compat_strict_replay: s.optional(members.compat_strict_replay),
      }),
      answers: { 200: Body },
    },
    ({ scope, body }) => changeTaskSettings(house, scope, body),
  ),
]
