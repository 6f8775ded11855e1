// A new card: the editor with nothing in it.
import { useLocation } from 'wouter'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { CardEditor } from './card-editor.tsx'
import { CardsFrame } from './frame.tsx'

export function NewCardPage() {
  useTitle(t('New card'))
  const [, go] = useLocation()
  return (
    <CardsFrame title={t('New card')}>
      <CardEditor card={null} onSaved={({ id }) => go(paths.card(id))} onLeave={() => go(paths.cards())} />
    </CardsFrame>
  )
}
