// The places of the relay, in three: threads, who works with whom, and cards. Each has its sections.
import type { ReactNode } from 'react'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { Sections } from '../ui/sections.tsx'

const THREADS = [
  { name: t('Threads'), path: paths.threads() },
  { name: t('Not delivered'), path: paths.undelivered() },
]
const GRANTS = [
  { name: t('Relay grants'), path: paths.relayGrants() },
  { name: t('Connection requests'), path: paths.connectionRequests() },
]
const CARDS = [
  { name: t('Our cards'), path: paths.cards() },
  { name: t('Listing'), path: paths.listing() },
]

type Props = { title: string; aside?: ReactNode; children: ReactNode }

export const ThreadsFrame = (props: Props) => <Sections name={t('Threads')} places={THREADS} {...props} />
export const GrantsFrame = (props: Props) => <Sections name={t('Relay grants')} places={GRANTS} {...props} />
export const CardsFrame = (props: Props) => <Sections name={t('Cards')} places={CARDS} {...props} />
