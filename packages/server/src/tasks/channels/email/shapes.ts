// What a provider posts when a mail arrives.
import { s } from '../../../http/route.ts'

const verdict = s.object({ domain: s.text({ max: 253 }), result: s.text({ max: 40 }) })

export const InboundBody = s.object({
  raw: s.optional(s.pattern(/^[A-Za-z0-9+/]+={0,2}$/, 'Must be the mail as it arrived, in base64.')),
  bounce: s.optional(
    s
      .object({
        message_id: s.optional(s.line({ max: 300 })),
        provider_id: s.optional(s.line({ max: 300 })),
        reason: s.optional(s.line({ max: 300 })),
      })
      .describe(
        'In place of `raw`: a mail of ours that could not be delivered, by its Message-ID or by the provider’s own name of it.',
      ),
  ),
  dkim: s.withDefault(s.array(verdict.describe('`pass` for the domain that signed.'), { max: 20 }), []),
  spf: s.withDefault(s.maybe(verdict.describe('Of the domain of the envelope’s sender.')), null),
})
