import { expect, test } from 'vitest'
import { CLIENT_PROBLEMS, entryOf, isProblemCode, PROBLEMS, type ProblemCode } from './catalogue.ts'
import { errorsMarkdown } from './catalogue-page.ts'
import { problemOf, TaskNotFound } from './errors.ts'
import { Problem } from './problem.ts'

test('T138 every code has a status, a title and advice, and no code is on both sides', () => {
  for (const [code, { status, title, advice }] of Object.entries(PROBLEMS)) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(title, code).toMatch(/^[A-Z].*[^.]$/)
    expect(advice, code).toMatch(/\.$/)
    expect(Object.hasOwn(CLIENT_PROBLEMS, code)).toBe(false)
  }
  expect(isProblemCode('toString')).toBe(false)
  expect(entryOf('aborted').status).toBe(0)
})

test('T138 every problem comes back from its body as the same problem', () => {
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    const sent = new Problem(code, { detail: 'why', errors: [{ path: '/a', code: 'x', message: 'y' }], extra: 1 })
    const body: unknown = JSON.parse(JSON.stringify(sent.toBody('req_1')))
    const got = problemOf({ status: sent.status, type: 'application/problem+json', requestId: null, body })
    expect(got).toBeInstanceOf(Problem)
    expect(got).toMatchObject({
      code,
      status: sent.status,
      message: sent.message,
      requestId: 'req_1',
      members: { detail: 'why', extra: 1 },
      errors: sent.errors,
    })
  }
})

test('T138 members never overwrite what the body says of the problem, and a state travels as state', () => {
  const body = new Problem('task_not_open', {
    status: 'completed',
    title: 'x',
    code: 'y',
    type: 'z',
    request_id: 'w',
    by: 'Ann',
  }).toBody('req_1')
  expect(body).toEqual({
    type: 'urn:countersign:problem:task_not_open',
    title: 'Task is not open',
    status: 409,
    code: 'task_not_open',
    request_id: 'req_1',
    state: 'completed',
    by: 'Ann',
  })
})

test('T138 a code of a newer server is treated by its status, a body that is no problem as unreadable', () => {
  const answer = { status: 409, type: 'application/problem+json', requestId: 'r' }
  expect(problemOf({ ...answer, body: { code: 'brand_new' } })).toMatchObject({
    code: 'state_conflict',
    members: { unknown_code: 'brand_new' },
  })
  expect(problemOf({ ...answer, body: '<h1>' })).toMatchObject({
    code: 'answer_unreadable',
    message: expect.stringContaining('HTTP 409'),
  })
  expect(problemOf({ ...answer, status: 404, body: { code: 'not_found' }, taskId: 'task_1' })).toBeInstanceOf(TaskNotFound)
})

test('T138 the page names every code once', () => {
  const page = errorsMarkdown()
  for (const code of [...Object.keys(PROBLEMS), ...Object.keys(CLIENT_PROBLEMS)])
    expect(page.split(`<a id="${code}"></a>`), code).toHaveLength(2)
})
