// An address that leads nowhere.
import { Link } from 'wouter'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { PageTitle } from '../ui/card.tsx'

export function NowherePage() {
  useTitle(t('Nothing here'))
  return (
    <div className="flex flex-col gap-3">
      <PageTitle title={t('Nothing here')} />
      <p className="text-muted">
        {rich('The address leads nowhere. <link>Go to the inbox</link>', {
          link: (words) => (
            <Link href={paths.inbox()} className="text-accent underline">
              {words}
            </Link>
          ),
        })}
      </p>
    </div>
  )
}
