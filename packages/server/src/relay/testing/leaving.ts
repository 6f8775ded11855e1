// For tests of what leaves the relay: sealing done by hand, an export read to its end, and the verifier that everybody has.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Client, House, Person } from '#harness'
import { signDue } from '../../events/audit/checkpoint.ts'
import { sealStep } from '../../events/audit/sealing.ts'
import type { VerifyOptions } from '../../events/audit/verify.ts'
import { verifyFile } from '../../events/audit/verify-file.ts'
import type { SideVerdict } from '../../events/audit/verify-side.ts'

/** Everything that committed is sealed and in a signed checkpoint. */
export async function seal({ db, keyring, server }: House): Promise<void> {
  await sealStep({ db })
  await signDue({ db, keyring, origin: () => server.publicUrl }, 1, 0)
}

export async function exported(house: House, by: Pick<Client, 'get' | 'post'>, body: object): Promise<string> {
  const made = await by.post('/api/v1/exports', body)
  if (made.status !== 202) throw new Error(`Expected 202, got ${made.status}: ${JSON.stringify(made.body)}`)
  await seal(house)
  await house.runJobs()
  const pieces = []
  for (let n: number | null = 0; n !== null; ) {
    const { status, body: piece } = await by.get(`/api/v1/exports/${made.body.id}/pieces/${n}`)
    if (status !== 200) throw new Error(`Expected 200, got ${status}: ${JSON.stringify(piece)}`)
    pieces.push(piece.text)
    n = piece.next
  }
  return pieces.join('')
}

export async function verifySideText(text: string, options: VerifyOptions = {}): Promise<SideVerdict> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-side-'))
  try {
    writeFileSync(join(folder, 'export.jsonl'), text)
    return (await verifyFile(join(folder, 'export.jsonl'), options)) as SideVerdict
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** From now on people of this tenant are asked before an agent of it writes to others. */
export async function askBeforeLeaving(owner: Pick<Person, 'post'>): Promise<void> {
  const saved = await owner.post('/api/v1/policies', {
    text: `@id("leaves") @ask("May {agent} write to {connection}?")
permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) when { context.direction == "out" };
@id("rest") permit (principal is Agent, action, resource) unless { context has direction && context.direction == "out" };
@id("people") permit (principal is User, action, resource);`,
  })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}
