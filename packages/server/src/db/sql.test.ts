import { expect, test } from 'vitest'
import { join, sql } from './sql.ts'

test('values stand beside the statement, never in it', () => {
  const name = `x'; drop table tenants; --`
  const statement = sql`select * from tenants where name = ${name}::text and id = ${1}`

  expect(statement.text).toBe('select * from tenants where name = $1::text and id = $2')
  expect(statement.values).toEqual([name, 1])
})

test('nested fragments are spliced and their values numbered through', () => {
  const filters = [sql`state = ${'open'}`, sql`priority > ${3}`, sql`done_at is null`]
  const statement = sql`select ${sql`id`} from tasks where tenant_id = ${'t'} and ${join(filters, ' and ')} limit ${10}`

  expect(statement.text).toBe(
    'select id from tasks where tenant_id = $1 and state = $2 and priority > $3 and done_at is null limit $4',
  )
  expect(statement.values).toEqual(['t', 'open', 3, 10])
})

test('joining nothing is nothing, joining one is itself', () => {
  expect(sql`a ${join([], ', ')} b`.text).toBe('a  b')
  expect(join([sql`x = ${1}`], ', ').text).toBe('x = $1')
})
