// A decision that a key relayed (T19): the record has nobody's word but the key's for who it was, and a reader is told so wherever the decision is shown.
import type { Decision } from '@countersign/sdk'
import { AgentText } from '../content/text.tsx'
import { rich } from '../text/rich.tsx'

export const Attested = ({ decision }: { decision: Pick<Decision, 'attested_by' | 'display_name'> }) =>
  decision.attested_by === null ? null : (
    <p className="text-sm text-muted">
      {rich('Relayed by the key {key}, which alone vouches that it was {name}.', {
        key: <code className="font-mono wrap-anywhere">{decision.attested_by}</code>,
        name: <AgentText text={decision.display_name} />,
      })}
    </p>
  )
