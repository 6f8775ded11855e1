// Key pairs of agents at the command line, against the real server: made here, kept closed, used to sign, changed, claimed.
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { root, start, temporaryFolder } from '../../../../test/harness/process.ts'
import { ConfigRefused } from '../main/config.ts'
import { makeKeyFile, readKeyFile } from './key-file.ts'

const MAIN = join(root, 'packages/server/src/cli/main.ts')

async function desk(house: House) {
  const home = temporaryFolder()
  const scopes = ['agents', 'keys', 'runs', 'tasks', 'connections', 'grants', 'proxy'].map((area) => `${area}:*`)
  const { secret } = await house.given.key({ kind: 'usr', scopes })
  const folder = join(home, 'countersign', 'keys')
  const env = { HOME: home, XDG_CONFIG_HOME: home, COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: secret }
  async function run(args: string[], own: Record<string, string> = env) {
    const running = start(process.execPath, ['--import', 'tsx', MAIN, ...args], { env: own })
    const { code } = await running.ended
    return { code, out: running.stdout(), err: running.stderr() }
  }
  return {
    folder,
    run,
    /** Somebody without a bare key: what a profile says is all there is. */
    asProfile: (args: string[]) => run(args, { HOME: home, XDG_CONFIG_HOME: home }),
    json: async (args: string[]) => {
      const { code, out, err } = await run([...args, '--json'])
      if (code !== 0) throw new Error(`${args.join(' ')}: ${code}\n${out}${err}`)
      return JSON.parse(out)
    },
  }
}

test('V136 an agent is made with a key pair whose private half stays here, signs as its profile, and changes to another', async () => {
  const house = await setup()
  const { folder, json, asProfile } = await desk(house)

  const made = await json(['agents', 'create', 'Nightly', '--key-pair', '--keep', 'nightly'])
  await house.alice.patch(`/api/v1/agents/${made.id}`, { proof: 'required' })
  expect(statSync(made.file).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  const secretHalf = JSON.parse(readFileSync(made.file, 'utf8')).jwk.d as string
  expect(JSON.stringify(made)).not.toContain(secretHalf)
  const listed = await asProfile(['agents', 'list', '--profile', 'nightly', '--json'])
  expect([listed.code, JSON.parse(listed.out).data.map((one: { id: string }) => one.id)]).toEqual([0, [made.id]])

  const rotated = await json(['agents', 'rotate-key', made.id, '--overlap', '60'])
  expect(rotated.thumbprint).not.toBe(made.key.thumbprint)
  expect(readdirSync(folder)).toHaveLength(2)
  await house.clock.advance('2m')
  // The profile went along, and its client hears from the server what time it is there.
  expect((await asProfile(['agents', 'list', '--profile', 'nightly', '--json'])).code).toBe(0)
  const [key] = (await house.alice.get(`/api/v1/keys?agent_id=${made.id}`)).body.data
  expect([key.thumbprint, key.rotation_ends_at]).toEqual([rotated.thumbprint, null])
  expect(house.logs.join('\n')).not.toContain(secretHalf)
}, 120_000)

test('V137 a program registers here, a person claims it by the link after a look at its words, and it calls as an agent', async () => {
  const house = await setup()
  const { json, run, asProfile } = await desk(house)

  const made = await json(['agents', 'register', 'Nightly', '--keep', 'nightly'])
  const early = await asProfile(['agents', 'list', '--profile', 'nightly'])
  expect([early.code, early.err]).toEqual([14, expect.stringContaining('Nobody has claimed this agent')])
  const alone = await run(['agents', 'claim', made.claim_url])
  expect([alone.code, alone.err]).toEqual([2, expect.stringContaining(made.words.join(' '))])
  const elsewhere = await run(['agents', 'claim', made.claim_url.replace(house.url, 'https://elsewhere.example')])
  expect(elsewhere.code).toBe(2)

  const claimed = await run(['agents', 'claim', made.claim_url, '--yes'])
  expect([claimed.code, claimed.out]).toEqual([0, `${made.agent_id}  active  live  Nightly\n`])
  expect((await asProfile(['agents', 'list', '--profile', 'nightly'])).code).toBe(0)
  expect((await run(['agents', 'claim', made.claim_url, '--yes'])).code).toBe(10)
}, 120_000)

test('V136 import-did enrols a key that lies elsewhere, and refuses what is none', async () => {
  const house = await setup()
  const { json, run, folder } = await desk(house)
  const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

  const made = await json(['agents', 'import-did', house.agent.id, did])
  expect(made.thumbprint).toMatch(/^[\w-]{43}$/)
  expect((await run(['agents', 'import-did', house.agent.id, 'did:key:z6Mk'])).code).toBe(2)
  expect((await run(['agents', 'import-did', house.agent.id, join(folder, 'none.jwk')])).code).toBe(2)
}, 120_000)

test('V65 a key file with any fault of the rules is refused by name, and never read', async () => {
  const home = temporaryFolder()
  const { file } = await makeKeyFile({ XDG_CONFIG_HOME: home }, 'http://localhost:3001', new Date(0))
  const text = readFileSync(file, 'utf8')
  const key = JSON.parse(text)
  const fault = (path = file, uid?: number): string => {
    try {
      return `taken: ${readKeyFile(path, uid).thumbprint}`
    } catch (error) {
      if (error instanceof ConfigRefused) return error.lines.join(' ')
      throw error
    }
  }
  expect(fault()).toBe(`taken: ${key.thumbprint}`)
  for (const mode of [0o640, 0o604, 0o610]) {
    chmodSync(file, mode)
    expect(fault()).toMatch(/key\.root: .* others can reach it/)
  }
  chmodSync(file, 0o600)
  chmodSync(join(file, '..'), 0o720)
  expect(fault()).toMatch(/folder .* can be written by others/)
  chmodSync(join(file, '..'), 0o700)
  const link = join(home, 'link.json')
  symlinkSync(file, link)
  expect(fault(link)).toMatch(/symbolic link/)
  mkdirSync(join(home, 'folder.json'))
  expect(fault(join(home, 'folder.json'))).toMatch(/not a regular file|cannot be opened/)
  expect(fault(join(home, 'none.json'))).toMatch(/cannot be opened \(ENOENT\)/)
  const owner = statSync(file).uid
  if (owner !== 0) expect(fault(file, owner + 1)).toMatch(/another user/)
  const written = (more: object, name: string) => {
    const other = join(home, `${name}.json`)
    writeFileSync(other, JSON.stringify({ ...key, jwk: { ...key.jwk, ...more } }), { mode: 0o600 })
    return fault(other)
  }
  chmodSync(home, 0o700)
  expect(written({ d: 'A'.repeat(43) }, 'zero')).toMatch(/again and again/)
  expect(written({ d: 'AAAA' }, 'short')).toMatch(/no private key/)
  expect(written({ d: undefined }, 'public')).toMatch(/no private key/)
  expect(written({ d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' }, 'published')).toMatch(/published example/)
  renameSync(file, `${file}.gone`)
  writeFileSync(file, '', { mode: 0o600 })
  expect(fault()).toMatch(/no private key/)
})
