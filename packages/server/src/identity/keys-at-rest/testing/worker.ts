// A process of its own that works on rewraps until it is killed or has come far enough, and says after each batch how far it is. Gets its database and root key on standard input.
import { memorySource } from '../../../crypto/keyring-memory.ts'
import { openDb } from '../../../db/tx.ts'
import { workRewraps } from '../rewrap/run.ts'
import { view } from '../rewrap/start.ts'
import { openRing } from '../root/ring.ts'

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
const { url, secret, stopAt } = JSON.parse(Buffer.concat(chunks).toString()) as { url: string; secret: string; stopAt: number }

const db = await openDb({ url, max: 2 })
const roots = { sources: [memorySource(Buffer.from(secret, 'base64'))], skipped: [], warnings: [], created: false }
const ring = await openRing({ db, roots, roles: null })
const forever = new Int32Array(new SharedArrayBuffer(4))
await workRewraps(
  { db, keyring: ring.keyring, ring },
  {
    told: (run) => {
      process.stdout.write(`${view(run).done}\n`)
      // Stands still before it is done, however late the kill comes.
      if (view(run).done >= stopAt) Atomics.wait(forever, 0, 0)
    },
  },
)
await ring.close()
await db.close()
