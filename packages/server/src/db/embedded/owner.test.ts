import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { givenFolder } from './embedded.fixture.ts'
import { takeOwnership } from './owner.ts'
import { markOf } from './process-mark.ts'

test('a folder has one owner, and after it a next one', async () => {
  const home = givenFolder()
  const first = await takeOwnership(home)
  await expect(takeOwnership(home)).rejects.toThrow(`in use by this very process (${process.pid})`)
  first.release()
  const second = await takeOwnership(home)
  second.release()
  expect(readdirSync(home)).toEqual([])
})

test('a living process keeps its claim, and the sentence says which one it is', async () => {
  const home = givenFolder()
  writeFileSync(join(home, `owner.${process.ppid}.${markOf(process.ppid)}`), '')
  await expect(takeOwnership(home)).rejects.toThrow(new RegExp(`process ${process.ppid}, since 20.+kill ${process.ppid}\\)`))
  expect(readdirSync(home)).toHaveLength(1)
})

test('a claim of a process that is gone, or whose number another process has now, holds nothing', async () => {
  const home = givenFolder()
  writeFileSync(join(home, 'owner.4194303.17-abcdef01'), '')
  writeFileSync(join(home, `owner.${process.ppid}.17-abcdef01`), '')
  const owner = await takeOwnership(home)
  expect(readdirSync(home)).toEqual([`owner.${process.pid}.${markOf(process.pid)}`])
  owner.release()
})
