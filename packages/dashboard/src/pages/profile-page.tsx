// One's own account: the places where one is signed in, keys for programs that act in one's name, and the password.
import { useUser } from '../me.ts'
import { AvailabilityCard } from '../routing/availability-card.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { PersonalKeys } from './profile-keys.tsx'
import { PasswordCard } from './profile-password.tsx'
import { SessionsCard } from './profile-sessions.tsx'

export function ProfilePage() {
  useTitle(t('Profile'))
  const me = useUser()
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Profile')}>
        <p className="flex flex-wrap items-center gap-2 text-muted wrap-anywhere">
          {visible(me.display_name)} · {me.email} <Badge tone="good">{wireWord(me.role ?? '')}</Badge>
          {me.is_host && <Badge tone="info">{t('host')}</Badge>}
        </p>
      </PageTitle>
      <AvailabilityCard />
      <SessionsCard />
      <PersonalKeys />
      <PasswordCard />
    </div>
  )
}
