// The route of exports: schemas and the verb.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { listQuery, Status } from '../shapes.ts'
import { type ExportInput, exportTasks } from './export.ts'

export const exportRoutes = (house: TasksHouse): Route[] => [
  route(
    'GET /tasks/export',
    {
      summary: 'Export decisions',
      description:
        'A line a decision, oldest task first, sent while it is read. `include=learning` (ndjson only) gives a line a task: what was proposed, what people made of it and said, and what came of it. Content is masked as in lists.',
      ...{ tag: 'tasks', auth: 'any', action: 'task.export' },
      query: {
        format: s.withDefault(s.oneOf('csv', 'ndjson'), 'csv'),
        include: s.optional(s.oneOf('learning')),
        status: s.optional(s.array(Status, { max: 20 })),
        agent_id: listQuery.agent_id,
        tag: listQuery.tag,
        created_after: listQuery.created_after,
        created_before: listQuery.created_before,
      },
      answers: { 200: 'page' },
      cost: 10,
    },
    ({ scope, query }) => exportTasks(house, scope, query as ExportInput),
  ),
]
