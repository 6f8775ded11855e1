// A post that a person moderates, and a model that looks at the person's answer before it counts: a removal has to name the rule that was broken.
// Needs a key of the provider, once: `PUT /provider-keys/openai {provider, key, model}` by an admin (docs/tasks/verifiers.md).
import { awaitHuman } from '@countersign/sdk'
import { z } from 'zod'

const post = { author: 'lurker42', text: 'Buy followers at …, best prices!' }

const { decision, note } = await awaitHuman({
  task: 'Does this post stay?',
  payload: post,
  description: 'House rules: 1. no advertising. 2. no insults. 3. nothing private of others.',
  response: z.object({
    decision: z.enum(['keep', 'remove']).describe('Your decision'),
    note: z.string().max(500).describe('Why'),
  }),
  verdict: { pointer: '/decision', approve: ['keep'], deny: ['remove'] },
  verifier: {
    provider: 'openai',
    instructions:
      'When the decision is "remove", the note must name the number of the house rule that was broken. Otherwise refuse it.',
    max_attempts: 5,
  },
  run: 'post-981',
  timeout: '4h',
  onTimeout: { default: { decision: 'keep', note: 'Nobody looked in time.' } },
})
console.log(`${decision}: ${note}`)
