// What `countersign run` returns, says, passes on and leaves behind (V124, V126, V128; acceptance 36).
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { grantAll, openRunWorld, type RunWorld } from './testing/world.ts'

const left = (world: RunWorld): string[] => readdirSync(world.folder).filter((name) => name.startsWith('countersign-run-'))

const runsOf = async (world: RunWorld) =>
  (await world.house.alice.get('/api/v1/runs')).body.data as { state: string; ended_reason: string; purpose: string }[]

test('V124 the code of the child, 128 and the signal that killed it, 126 and 127 for what cannot be started; the run ends with it', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  const cases: [string[], number, string][] = [
    [['sh', '-c', 'exit 37'], 37, 'done'],
    [['sh', '-c', 'kill -TERM $$'], 143, 'done'],
    [['sh', '-c', 'kill -KILL $$'], 137, 'done'],
    [['/no/such/program'], 127, 'not_started'],
    [[world.folder], 126, 'not_started'],
  ]
  for (const [command, code, reason] of cases) {
    const running = world.run(['--status-fd', '2', '--', ...command])
    expect([command, (await running.ended).code]).toEqual([command, code])
    const status = JSON.parse(
      running
        .stderr()
        .split('\n')
        .find((line) => line.startsWith('{')) ?? 'null',
    )
    const hasStarted = reason === 'done'
    expect(status).toMatchObject({ v: 1, started: hasStarted })
    expect(status.child).toEqual(
      hasStarted ? { code: code < 128 ? code : null, signal: code === 143 ? 'SIGTERM' : code === 137 ? 'SIGKILL' : null } : null,
    )
    expect(status.error).toEqual(
      hasStarted ? null : { code: code === 127 ? 'not_found' : 'not_executable', message: expect.any(String) },
    )
    expect((await runsOf(world))[0]).toMatchObject({ state: 'ended', ended_reason: reason })
  }
  expect(left(world)).toEqual([])
}, 120_000)
