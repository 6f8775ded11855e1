// The sample that works as it stands once a key is in the environment; the same question that `countersign dev` prints.
export const sample = (url: string): string => `// COUNTERSIGN_KEY=cs_… node ask.mjs
import { awaitHuman } from '@countersign/sdk'

const answer = await awaitHuman({
  url: '${url}',
  task: 'Refund order 1042?',
  payload: { order: 1042, amount: 240, currency: 'EUR', reason: 'parcel lost' },
  response: {
    type: 'object',
    properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 500 } },
    required: ['approved'],
  },
  timeout: '2h',
})
console.log(answer.approved ? 'refunding' : 'not refunding', answer)
`
