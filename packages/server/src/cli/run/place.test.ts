// The sweep at the next start (V126, V132): folders of commands that live no more go, together with what of them is still in use elsewhere.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openPlace, sweepPlaces } from './place.ts'

test('V132 V126 a folder that was left goes when its authority has left the keychain, and stays until then', () => {
  const place = openPlace('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----')
  onTestFinished(() => rmSync(place.folder, { recursive: true, force: true }))
  const asked: string[] = []
  const letGo = (answer: boolean) => (folder: string, authority: string) => {
    if (folder === place.folder) asked.push(authority)
    return folder === place.folder ? answer : false
  }
  sweepPlaces(Date.now(), letGo(true))
  expect([asked, existsSync(place.folder)]).toEqual([[], true])
  // A process of this number never was: as after a restart of the machine.
  writeFileSync(join(place.folder, 'owner.json'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1', until: null }))
  sweepPlaces(Date.now(), letGo(false))
  expect(readdirSync(place.folder)).toContain('ca-run.pem')
  expect(sweepPlaces(Date.now(), letGo(true))).toBe(1)
  expect([asked, existsSync(place.folder)]).toEqual([[place.authority, place.authority], false])
})
