// What a provider posts when a mail arrives.
import { s } from '../../../http/route.ts'

const verdict = s.object({ domain: s.text({ max: 253 }), result: s.text({ max: 40 }) })

export const InboundBody = s.object({
  raw: s.pattern(/^[A-Za-z0-9+/]+={0,2}$/, 'Must be the mail as it arrived, in base64.'),
  dkim: s.withDefault(s.array(verdict.describe('`pass` for the domain that signed.'), { max: 20 }), []),
  spf: s.withDefault(s.maybe(verdict.describe('Of the domain of the envelope’s sender.')), null),
})
