// The cookie of a connect page (V30): bound to one authorization, sent by our own pages alone, worth nothing without its hash in the row.
import { randomToken, sha256 } from '../../crypto/token.ts'
import type { ReplyControl, RequestInfo } from '../../http/route.ts'
import { isId } from '../../std/id.ts'

const LIFE_SECONDS = 1_800
const SHAPE = /^(atz_[0-9A-Z]{26})\.([A-Za-z0-9_-]{43})$/

/** The `__Host-` name works with https only, which development cannot give. */
const nameOf = (origin: string): string =>
  origin.startsWith('https:') ? '__Host-countersign_connect' : 'countersign_connect_dev'

export type ConnectCookie = { id: string; hash: Buffer }

export function readCookie(origin: string, request: Pick<RequestInfo, 'cookie'>): ConnectCookie | null {
  const [, id, token] = SHAPE.exec(request.cookie(nameOf(origin)) ?? '') ?? []
  return id && token && isId('atz', id) ? { id, hash: sha256(token) } : null
}

export function giveCookie(origin: string, reply: ReplyControl, id: string): ConnectCookie {
  const token = randomToken()
  reply.cookie(nameOf(origin), `${id}.${token}`, {
    path: '/',
    httpOnly: true,
    sameSite: 'Strict',
    secure: origin.startsWith('https:'),
    maxAge: LIFE_SECONDS,
  })
  return { id, hash: sha256(token) }
}
