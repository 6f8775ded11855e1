import { expect, test } from 'vitest'
import { setup } from '#harness'

test('P60 Q136 `may` names what all tenants share only where the installation began, and to hosts; what it leaves out the server refuses', async () => {
  const house = await setup()
  const may = async (who: typeof house.nobody) => Object.keys((await who.get('/api/v1/me')).body.may)
  expect(await may(house.alice)).toEqual(expect.arrayContaining(['queue.pause', 'queue.override', 'queue.drain']))
  const strangers = await may(house.stranger)
  expect(strangers).not.toContain('queue.pause')
  expect(strangers).not.toContain('queue.override')
  // What is their own stays theirs.
  expect(strangers).toEqual(expect.arrayContaining(['queue.read', 'queue.drain', 'queue.resume', 'job.cancel']))
  expect(await may(house.member)).not.toContain('queue.pause')

  await house.admin
    .run`insert into hosts (user_id, since) values (${(await house.stranger.person()).id}::text, countersign.now())`
  expect(await may(house.stranger)).toContain('queue.pause')
})
