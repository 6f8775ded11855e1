import { expect, test } from 'vitest'
import type { Role } from '../db/scope.ts'
import { systemScope } from '../db/scope.ts'
import type { KeyScope } from '../identity/matrix.ts'
import { agentOf, isReserved, isWithin, marksOf, markWithin, ownerOf, runsTheWork, seesContent, withoutMarks } from './own.ts'

const person = (role: Role) => ({ ...systemScope('x'), actor: { type: 'user' as const, id: 'usr_1' }, userId: 'usr_1', role })
const agent = (scopes: string[]): KeyScope => ({
  ...systemScope('x'),
  actor: { type: 'agent', id: 'agt_1', key_id: 'key_1' },
  agentId: 'agt_1',
  userId: 'usr_1',
  scopes,
  keyKind: 'agt',
  makerRole: 'owner',
})

test('P61 what an agent enqueues is its own and its owner’s, and nobody can say so by hand', () => {
  const tags = ['monthly', ...marksOf(agent(['jobs:*']))]
  expect([agentOf(tags), ownerOf(tags), withoutMarks(tags)]).toEqual(['agt_1', 'usr_1', ['monthly']])
  expect(tags.filter(isReserved)).toHaveLength(2)
  expect(isWithin({ tags }, markWithin(agent(['jobs:*']), 'job.read'))).toBe(true)
  expect(isWithin({ tags }, markWithin(person('member'), 'job.read'))).toBe(true)
  expect(isWithin({ tags: ['monthly'] }, markWithin(person('member'), 'job.read'))).toBe(false)
  expect(markWithin(person('operator'), 'job.read')).toBeNull()
})

test('P60 payloads are for who runs the work and whose it is, not for who audits or watches', () => {
  const roles: Role[] = ['owner', 'admin', 'operator', 'member', 'auditor', 'viewer']
  expect(roles.filter((role) => seesContent(person(role)))).toEqual(['owner', 'admin', 'operator', 'member'])
  expect(roles.filter((role) => runsTheWork(person(role)))).toEqual(['owner', 'admin', 'operator'])
  expect(seesContent(agent(['jobs:read']))).toBe(true)
})
