// Whether what somebody wrote below a message can be an answer in their own words (T131): the asker takes answers by reply, and a model checks them. Decides nothing.
import { isFinal, type Status } from '../state.ts'
import type { Task } from '../wire.ts'

const BY_NO_MODEL = ['rules', 'agent']

export const takesWords = ({ answer_by_reply, status, verifier_config }: Task): boolean =>
  answer_by_reply &&
  !isFinal(status as Status) &&
  ([verifier_config ?? []].flat() as { provider: string }[]).some(({ provider }) => !BY_NO_MODEL.includes(provider))
