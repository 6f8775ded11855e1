// What `countersign run` puts before a command that does nothing.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { percentile } from '../figure.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'

const BIN = fileURLToPath(new URL('../../packages/server/bin/countersign.mjs', import.meta.url))

export async function runStart(rig: Rig, { quick, say }: Options): Promise<void> {
  const rounds = quick ? 3 : 30
  const home = mkdtempSync('/tmp/countersign-bench-run-')
  const env = { PATH: process.env.PATH ?? '', HOME: home, COUNTERSIGN_URL: rig.keys.url, COUNTERSIGN_KEY: rig.keys.agentKey }
  const [ours, bare]: [number[], number[]] = [[], []]
  try {
    // What the first start of a program reads from the disk is there for all others.
    await timed(process.execPath, [BIN, 'run', '--', 'true'], env)
    for (let i = 0; i < rounds; i++) {
      bare.push(await timed('true', [], env))
      ours.push(await timed(process.execPath, [BIN, 'run', '--', 'true'], env))
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
  const added = percentile(ours, 0.5) - percentile(bare, 0.5)
  say({
    ...{ bench: 'run-start', metric: '`countersign run -- true` over the bare command, p50', unit: 'ms', ours: added },
    ...{ peer_name: 'true', peer: percentile(bare, 0.5), goal: '<= 350', met: added <= 350 },
  })
}

function timed(command: string, args: readonly string[], env: Record<string, string>): Promise<number> {
  const began = performance.now()
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(performance.now() - began) : reject(new Error(`${command} ended with ${code}: ${said}`)),
    )
  })
}
