// A part of what is done in order.
import type { ReactNode } from 'react'
import { Card } from '../ui/card.tsx'

export const Step = ({ n, title, children }: { n: number; title: string; children: ReactNode }) => (
  <Card title={`${n}. ${title}`}>{children}</Card>
)
