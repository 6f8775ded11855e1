// `vault-transit:<origin>/<mount>/<key>`: the transit engine of HashiCorp Vault (and OpenBao) as KMS. The context goes along as associated data.
// Opens no connection: main hands in how to post, through the one door out, with that host and nothing else allowed.
import { contextText, type Kms, type KmsContext, KmsError, readBytes } from './keyring-kms.ts'
import type { Secret } from './secret.ts'

/** One POST with JSON; the parsed answer of a 200, or a throw. */
export type PostJson = (
  url: string,
  headers: Record<string, string>,
  body: string,
) => Promise<{ status: number; body: Record<string, unknown> | null }>

export type TransitPlace = { origin: URL; mount: string; key: string }

/** Null when the text is no such place. */
export function parseTransit(text: string): TransitPlace | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) return null
  const [key, ...mount] = url.pathname.split('/').filter(Boolean).reverse()
  if (!key || mount.length === 0 || ![key, ...mount].every((part) => /^[A-Za-z0-9._-]+$/.test(part))) return null
  return { origin: new URL(url.origin), mount: mount.reverse().join('/'), key }
}

export function transitKms(place: TransitPlace, token: Secret, post: PostJson): Kms {
  async function ask(operation: 'encrypt' | 'decrypt', input: Record<string, string>): Promise<Record<string, unknown>> {
    const url = `${place.origin.origin}/v1/${place.mount}/${operation}/${place.key}`
    const answer = await post(url, { 'X-Vault-Token': token.reveal() }, JSON.stringify(input))
    const data = answer.body?.data
    if (answer.status !== 200 || typeof data !== 'object' || data === null)
      throw new KmsError(`Vault answered ${operation} with status ${answer.status}.`)
    return data as Record<string, unknown>
  }
  const associated = (context: KmsContext) => Buffer.from(contextText(context)).toString('base64')
  const wrap = async (key: Buffer, context: KmsContext): Promise<Buffer> => {
    const { ciphertext } = await ask('encrypt', { plaintext: key.toString('base64'), associated_data: associated(context) })
    // `vault:v<n>:<base64>`: kept whole, since its version is how Vault finds the key after a rotation there.
    if (typeof ciphertext !== 'string' || !/^vault:v\d+:[A-Za-z0-9+/=]+$/.test(ciphertext) || ciphertext.length > 8_192)
      throw new KmsError('Vault answered encrypt without a ciphertext.')
    return Buffer.from(ciphertext, 'ascii')
  }
  const unwrap = async (bytes: Buffer, context: KmsContext): Promise<Buffer> => {
    const { plaintext } = await ask('decrypt', { ciphertext: bytes.toString('ascii'), associated_data: associated(context) })
    return readBytes(plaintext, 'key')
  }
  return {
    wrap,
    unwrap,
    id: () => `vault-transit:${place.origin.origin}/${place.mount}/${place.key}`,
    // Whoever may encrypt need not be allowed to read the key's description: so it is asked for what it is there for.
    check: async () => void (await wrap(Buffer.alloc(32, 1), { tenant: 'probe', version: 1 })),
  }
}
