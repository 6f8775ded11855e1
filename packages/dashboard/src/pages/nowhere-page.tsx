// An address that leads nowhere.
import { Link } from 'wouter'
import { paths } from '../paths.ts'
import { useTitle } from '../title.ts'
import { PageTitle } from '../ui/card.tsx'

export function NowherePage() {
  useTitle('Nothing here')
  return (
    <div className="flex flex-col gap-3">
      <PageTitle title="Nothing here" />
      <p className="text-muted">
        The address leads nowhere.{' '}
        <Link href={paths.inbox()} className="text-accent underline">
          Go to the inbox
        </Link>
      </p>
    </div>
  )
}
