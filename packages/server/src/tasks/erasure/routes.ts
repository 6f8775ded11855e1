// The route of erasure: schema and one verb.
import { type Route, route } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { taskId } from '../shapes.ts'
import { deleteTask } from './erase.ts'

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
]
