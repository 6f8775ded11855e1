// Says before anything is typed that a decision will have to be proven (T151): nobody meets the question for their password only once they think that they are done.
import type { Task } from '@countersign/sdk'
import { t } from '../text/t.ts'

export const NeedsProof = ({ task }: { task: Pick<Task, 'needs_proof'> }) =>
  task.needs_proof === null ? null : (
    <p className="text-sm text-muted">
      {t('This needs a fresh proof that it is you: your password is asked for as you send it.')}
    </p>
  )
