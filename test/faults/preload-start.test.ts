// What the preload of `countersign run` costs a Node program that calls nobody (V128): the fastest of many starts with it against the fastest without, taken in turns, for
// the fastest is what a busy machine disturbs least.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { buildCommand } from '../harness/process.ts'

const STARTS = 15
/** A quiet machine shows 10. */
const MOST_MS = 60

test('V128 the preload adds at most 60 ms to the start of a Node program', async () => {
  const preload = join(dirname(await buildCommand()), 'preload.cjs')
  const proxy = 'http://run:token@127.0.0.1:9'
  const env = {
    PATH: process.env.PATH,
    COUNTERSIGN_RUN: 'run_test',
    HTTPS_PROXY: proxy,
    https_proxy: proxy,
    NODE_USE_ENV_PROXY: '1',
  }
  const start = (words: string[]): number => {
    const began = performance.now()
    expect(spawnSync(process.execPath, [...words, '-e', '0'], { env }).status).toBe(0)
    return performance.now() - began
  }
  const [bare, led]: [number[], number[]] = [[], []]
  for (let i = 0; i < STARTS; i++) {
    bare.push(start([]))
    led.push(start(['--require', preload]))
  }
  expect(Math.min(...led) - Math.min(...bare)).toBeLessThan(MOST_MS)
})
