// What the pages of grants share: the words of states, and who is meant by one.
import type { Grant } from '@countersign/sdk'
import { t } from '../text/t.ts'
import type { Names } from '../traffic/picture.tsx'
import { Badge, type Tone } from '../ui/badge.tsx'
import { visible } from '../ui/marks.ts'

const STATUS: Record<Grant['status'], { word: string; tone: Tone }> = {
  proposed: { word: t('Proposed'), tone: 'warn' },
  active: { word: t('In force'), tone: 'good' },
  suspended: { word: t('Suspended'), tone: 'warn' },
  expired: { word: t('Over'), tone: 'quiet' },
  revoked: { word: t('Revoked'), tone: 'quiet' },
  rejected: { word: t('Refused'), tone: 'quiet' },
}
export const STATUSES = Object.keys(STATUS) as Grant['status'][]
export const statusWord = (status: Grant['status']): string => STATUS[status].word

export const GrantBadge = ({ grant }: { grant: Pick<Grant, 'status' | 'status_cause'> }) => (
  <Badge tone={STATUS[grant.status].tone}>
    {STATUS[grant.status].word}
    {grant.status_cause && grant.status === 'suspended' ? `: ${grant.status_cause.replaceAll('_', ' ')}` : ''}
  </Badge>
)

export const grantee = ({ agent_id, agent_label }: Pick<Grant, 'agent_id' | 'agent_label'>, { agents }: Names): string =>
  agent_id === null
    ? t('every agent labelled {label}', { label: visible(agent_label ?? '') })
    : visible(agents.get(agent_id) ?? agent_id)
