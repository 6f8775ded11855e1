// The routes of schedules: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { JobsHouse } from '../house.ts'
import {
  changeSchedule,
  createSchedule,
  getSchedule,
  listFires,
  listSchedules,
  pauseSchedule,
  removeSchedule,
  resumeSchedule,
  triggerSchedule,
} from '../schedule.ts'
import { FiresBody, NewSchedule, ScheduleBody, ScheduleChange, scheduleName } from '../shapes.ts'

const read = { tag: 'schedules', auth: 'any', action: 'queue.read' } as const
const manage = { tag: 'schedules', auth: 'any', action: 'schedule.manage' } as const
const one = { params: scheduleName, answers: { 200: ScheduleBody }, problems: ['not_found'] } as const

export const scheduleRoutes = (house: JobsHouse): Route[] => [
  route('GET /schedules', { ...read, summary: 'List schedules by name', answers: { 200: s.list(ScheduleBody) } }, ({ scope }) =>
    listSchedules(house, scope),
  ),
  route(
    'POST /schedules',
    {
      ...manage,
      summary: 'Make a schedule',
      description: 'It begins now: nothing is fired for the time before.',
      body: NewSchedule,
      maxBody: 2_097_152,
      answers: { 201: ScheduleBody },
      problems: ['schedule_invalid', 'state_conflict', 'payload_too_large'],
    },
    ({ scope, body }) => createSchedule(house, scope, body),
  ),
  route('GET /schedules/:name', { ...read, ...one, summary: 'Read a schedule' }, ({ scope, params }) =>
    getSchedule(house, scope, params.name),
  ),
  route(
    'PATCH /schedules/:name',
    {
      ...manage,
      ...one,
      summary: 'Change a schedule',
      description: 'With another cron expression or time zone it begins now.',
      body: ScheduleChange,
      maxBody: 2_097_152,
      problems: ['not_found', 'schedule_invalid', 'payload_too_large'],
    },
    ({ scope, params, body }) => changeSchedule(house, scope, params.name, body),
  ),
  route(
    'DELETE /schedules/:name',
    { ...manage, ...one, summary: 'Remove a schedule', answers: { 204: null } },
    ({ scope, params }) => removeSchedule(house, scope, params.name),
  ),
  route(
    'POST /schedules/:name/trigger',
    {
      ...manage,
      ...one,
      summary: 'Enqueue the job of a schedule now',
      description: 'Asks no pause and moves no fire.',
      answers: { 201: s.object({ job_id: s.id('job') }) },
    },
    ({ scope, params }) => triggerSchedule(house, scope, params.name),
  ),
  route('POST /schedules/:name/pause', { ...manage, ...one, summary: 'Stop firing a schedule' }, ({ scope, params }) =>
    pauseSchedule(house, scope, params.name),
  ),
  route('POST /schedules/:name/resume', { ...manage, ...one, summary: 'Fire a schedule again' }, ({ scope, params }) =>
    resumeSchedule(house, scope, params.name),
  ),
  route(
    'GET /schedules/:name/fires',
    { ...read, ...one, summary: 'Read what a schedule fired and will fire', answers: { 200: FiresBody } },
    ({ scope, params }) => listFires(house, scope, params.name),
  ),
]
