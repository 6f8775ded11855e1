// The faces of the queue over HTTP (queue.md §6.1): operators' and agents' routes. The receiver of callbacks has a listener of its own.
import type { Route } from '../http/route.ts'
import type { JobsHouse } from './house.ts'
import { deadLetterRoutes } from './routes/dead-letter.ts'
import { jobRoutes } from './routes/job.ts'
import { queueRoutes } from './routes/queue.ts'
import { runtimeRoutes } from './routes/runtime.ts'
import { scheduleRoutes } from './routes/schedule.ts'

export const jobsRoutes = (house: JobsHouse): Route[] => [
  ...jobRoutes(house),
  ...queueRoutes(house),
  ...scheduleRoutes(house),
  ...deadLetterRoutes(house),
  ...runtimeRoutes(house),
]
