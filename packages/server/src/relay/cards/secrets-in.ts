// What looks like a credential in a text that is about to be public (R11): the forms that issuers gave their secrets so that scanners find them. Says where and of
// what kind, never the text itself. Errs on the side of letting pass: whoever saves a card is asked once more, not locked out.
import { KEY_PATTERN } from '../../crypto/token.ts'

const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['countersign_key', KEY_PATTERN],
  ['webhook_secret', /\bwhsec_[A-Za-z0-9+/]{24,}={0,2}/],
  ['private_key', /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/],
  ['private_jwk', /"d"\s*:\s*"[A-Za-z0-9_-]{40,}"/],
  ['aws_access_key', /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/],
  ['github_token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})/],
  ['gitlab_token', /\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}/],
  ['slack_token', /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}/],
  ['slack_webhook', /\bhooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/_-]{20,}/],
  ['stripe_key', /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/],
  ['anthropic_key', /\bsk-ant-[A-Za-z0-9_-]{20,}/],
  ['openai_key', /\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}/],
  ['google_api_key', /\bAIza[A-Za-z0-9_-]{35}/],
  ['google_oauth_secret', /\bGOCSPX-[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]{20,}/],
  ['npm_token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['pypi_token', /\bpypi-[A-Za-z0-9_-]{50,}/],
  ['sendgrid_key', /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/],
  ['hugging_face_token', /\bhf_[A-Za-z0-9]{30,}/],
  ['jwt', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}/],
  ['url_credentials', /\b[a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*:[^\s/?#@]+@/i],
]

export type SecretFound = { path: string; kind: string }

/** Each text of a JSON value, names of members too, with its JSON Pointer; the first kind that fits it. */
export function secretsIn(value: unknown, path = ''): SecretFound[] {
  if (typeof value === 'string') {
    const kind = PATTERNS.find(([, pattern]) => pattern.test(value))?.[0]
    return kind ? [{ path, kind }] : []
  }
  if (Array.isArray(value)) return value.flatMap((item, i) => secretsIn(item, `${path}/${i}`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => {
    const at = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return [...secretsIn(name, at), ...secretsIn(member, at)]
  })
}
