import { QueueError } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { asProblem } from './problem.ts'

const told = (error: unknown) => {
  const problem = asProblem(error) as Problem
  expect(problem).toBeInstanceOf(Problem)
  return { code: problem.code, ...problem.members }
}
const raised = (code: string, detail?: object) =>
  Object.assign(new Error('said by the database'), { code, ...(detail ? { detail: JSON.stringify(detail) } : {}) })

test('Q77 Q137 each SQLSTATE of the engine is a code of the catalogue, with the members that a caller needs', () => {
  expect(told(raised('QJ001'))).toEqual({ code: 'lease_stale' })
  expect(told(raised('QJ002', { job_id: 'job_1', state: 'ready' }))).toEqual({ code: 'unique_conflict', job_id: 'job_1' })
  expect(told(raised('QJ003'))).toEqual({ code: 'queue_full', retry_after: 1 })
  expect(told(raised('QJ004'))).toEqual({ code: 'not_found' })
  expect(told(raised('QJ007'))).toEqual({ code: 'not_found' })
  expect(told(raised('QJ008'))).toEqual({ code: 'engine_reanchoring', retry_after: 1 })
  expect(told(raised('QJ009'))).toEqual({ code: 'schema_mismatch' })
  expect(told(raised('QJ005', { path: '', code: 'filter_required' }))).toEqual({ code: 'filter_required' })
  expect(told(raised('QJ005', { path: '/priority' }))).toEqual({
    code: 'validation_failed',
    errors: [{ path: '/priority', code: 'invalid', message: 'said by the database' }],
  })
})

test('Q137 errors of the library keep their code, and their paths are those of the wire', () => {
  expect(told(QueueError.invalid('/runAt', 'is a time'))).toEqual({
    code: 'validation_failed',
    errors: [{ path: '/run_at', code: 'invalid', message: 'is a time' }],
  })
  const inside = [{ path: '/payload/camelCase', code: 'text', message: 'holds NUL' }]
  expect(told(new QueueError('validation_failed', 'no', { errors: inside }))).toEqual({
    code: 'validation_failed',
    errors: inside,
  })
  expect(told(QueueError.invalid('/payload', 'holds more than 1048576 bytes', 'too_large'))).toMatchObject({
    code: 'payload_too_large',
  })
  expect(told(new QueueError('schedule_invalid', 'never fires', { field: 'endsAt' }))).toEqual({
    code: 'schedule_invalid',
    errors: [{ path: '/ends_at', code: 'invalid', message: 'never fires' }],
  })
  expect(told(new QueueError('state_conflict', 'no', { state: 'running' }))).toEqual({ code: 'state_conflict', state: 'running' })
})

test('what is no refusal of the engine passes as it is', () => {
  for (const error of [
    new TypeError('a bug'),
    raised('23505'),
    new QueueError('isolation_level', 'no'),
    new Problem('not_found'),
  ])
    expect(asProblem(error)).toBe(error)
})
