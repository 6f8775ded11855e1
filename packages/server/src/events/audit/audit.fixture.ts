// For tests of the audit log: the whole server with its sealing done by hand, and what an export is read into.
import { type House, type Person, type SetupOptions, setup } from '#harness'
import { openLog } from '../../std/log.ts'
import { signDue } from './checkpoint.ts'
import { sealStep } from './sealing.ts'
import { type VerifyOptions, verifyLog } from './verify.ts'

export type SealedHouse = House & {
  /** Everything that committed is sealed and in a signed checkpoint. */
  seal(): Promise<void>
  /** Runs an export to its end and answers its text. */
  exported(input?: Record<string, unknown>, by?: Pick<Person, 'get' | 'post'>): Promise<string>
}

export async function sealed(options: SetupOptions = {}): Promise<SealedHouse> {
  const house = await setup(options)
  const log = openLog({ level: 'silent', sink: () => undefined })
  const audit = { db: house.db, keyring: house.keyring, log, origin: () => house.server.publicUrl }
  const seal = async () => {
    await sealStep(audit)
    await signDue(audit, 1, 0)
  }
  return {
    ...house,
    seal,
    async exported(input = {}, by = house.alice) {
      const made = await by.post('/api/v1/audit/exports', input)
      if (made.status !== 202) throw new Error(`Expected 202, got ${made.status}: ${JSON.stringify(made.body)}`)
      await house.runJobs()
      return textOf(by, made.body.id)
    },
  }
}

export async function textOf(by: Pick<Person, 'get'>, id: string): Promise<string> {
  let text = ''
  for (let next: number | null = 0; next !== null; ) {
    const { status, body } = await by.get(`/api/v1/audit/exports/${id}/pieces/${next}`)
    if (status !== 200) throw new Error(`Expected 200, got ${status}: ${JSON.stringify(body)}`)
    text += body.text
    next = body.next
  }
  return text
}

/** A text as a file would be read, cut where no line ends. */
export function verifyText(text: string, options: VerifyOptions = {}) {
  const bytes = Buffer.from(text)
  const chunks = function* () {
    for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000)
  }
  return verifyLog(chunks, Buffer.from(text.trimEnd().split('\n').at(-1) ?? ''), options)
}
