import { expect, test } from 'vitest'
import { mintKey, randomToken } from '../../crypto/token.ts'
import { secretsIn } from './secrets-in.ts'
import { FIXTURES } from './testing/cards.ts'

// Made here, so that no text of a test looks like somebody's secret.
const word = (length: number) => randomToken(96).replaceAll(/[-_]/g, 'x').slice(0, length)
const upper = (length: number) => word(length).toUpperCase()

test.each([
  ['countersign_key', mintKey('live', 'rly')],
  ['webhook_secret', `whsec_${word(40)}`],
  ['private_key', `-----BEGIN EC PRIVATE ${'KEY'}-----\n${word(60)}`],
  ['private_jwk', `{"kty":"EC","d":"${word(43)}"}`],
  ['aws_access_key', `AKIA${upper(16)}`],
  ['github_token', `ghp_${word(36)}`],
  ['gitlab_token', `glpat-${word(20)}`],
  ['slack_token', `xoxb-${word(30)}`],
  ['slack_webhook', `https://hooks.slack.com/services/${word(30)}`],
  ['stripe_key', `sk_live_${word(24)}`],
  ['anthropic_key', `sk-ant-${word(40)}`],
  ['openai_key', `sk-proj-${word(48)}`],
  ['google_api_key', `AIza${word(35)}`],
  ['google_oauth_secret', `GOCSPX-${word(28)}`],
  ['npm_token', `npm_${word(36)}`],
  ['sendgrid_key', `SG.${word(22)}.${word(43)}`],
  ['hugging_face_token', `hf_${word(34)}`],
  ['jwt', `eyJ${word(20)}.eyJ${word(40)}.${word(43)}`],
  ['url_credentials', `https://ada:${word(12)}@api.example/v1`],
])('R11 a text with a %s is found where it stands', (kind, secret) => {
  const card = { name: 'Ada', skills: [{ examples: ['fine', `use ${secret} for it`] }] }
  expect(secretsIn(card)).toEqual([{ path: '/skills/0/examples/1', kind }])
  expect(JSON.stringify(secretsIn(card))).not.toContain(secret)
})

test('R11 ordinary cards hold none', () => {
  for (const make of FIXTURES) expect(secretsIn(make('ada'))).toEqual([])
  expect(secretsIn({ text: 'Ask for sk-something, a Bearer token, AKIA keys and https://ada.example:8443/a@b' })).toEqual([])
})
