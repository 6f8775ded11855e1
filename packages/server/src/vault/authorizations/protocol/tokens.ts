// The tokens of an answer as they are kept: what is used stands by its name, what else the answer held under `extra` (V40), all of it sealed.
import type { TokenEndpointResponse } from 'oauth4webapi'
import type { Material } from '../../providers/definition.ts'
import type { Json } from './answer.ts'

export type Tokens = {
  accessToken: string
  refreshToken: string | null
  idToken: string | null
  /** Seconds from when it was answered; null where the provider named no end. */
  lifetime: number | null
  /** Null where the provider did not say: what was asked for. */
  scopes: string[] | null
  extra: Json
}

const KNOWN = ['access_token', 'refresh_token', 'id_token', 'token_type', 'expires_in', 'scope']

export function tokensOf(answer: TokenEndpointResponse, idToken: string | null): Tokens {
  const extra = Object.fromEntries(Object.entries(answer).filter(([name]) => !KNOWN.includes(name)))
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token ?? null,
    idToken,
    lifetime: answer.expires_in ?? null,
    scopes: answer.scope === undefined ? null : answer.scope.split(/[\s,]+/).filter((one) => one !== ''),
    extra,
  }
}

/** Without a new refresh token the old one stays (V40). */
export function materialOf(tokens: Tokens, before: Material = {}): Material {
  const { extra: old, ...fields } = before as { extra?: Json } & Record<string, string>
  const extra = { ...old, ...tokens.extra }
  return {
    ...fields,
    access_token: tokens.accessToken,
    token_type: 'Bearer',
    ...(tokens.refreshToken === null ? {} : { refresh_token: tokens.refreshToken }),
    ...(tokens.idToken === null ? {} : { id_token: tokens.idToken }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

export const textOf = (material: Material, name: string): string | null => {
  const value = material[name]
  return typeof value === 'string' ? value : null
}
