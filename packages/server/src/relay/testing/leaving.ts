// For tests of what leaves the relay: sealing done by hand, an export read to its end, and the verifier that everybody has.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client, House } from '#harness'
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
